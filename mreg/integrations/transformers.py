"""The checkpoints of a transformers `Trainer` as versions:

    from mreg.integrations.transformers import MregCallback

    trainer = Trainer(model, args, …, callbacks=[MregCallback("bert", best="min:eval_loss")])
    trainer.train()

Each folder that the trainer saves is a version, with what it logged last as metrics. They are whole, so that
`trainer.train(resume_from_checkpoint=repo.use("bert:last"))` goes on from there; `exclude=["optimizer.pt",
"scheduler.pt", "rng_state*"]` keeps the model only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mreg.integrations.needed import needs
from mreg.integrations.training import Checkpoints

with needs("transformers", "transformers"):
    from transformers import TrainerCallback
    from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

__all__ = ["MregCallback"]


class MregCallback(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """The options are those of `mreg.integrations.training.Checkpoints`; metrics are those in the trainer's log, by its
    own names (`loss`, `eval_loss`, …)."""

    def __init__(self, artifact: str, **options: Any) -> None:
        self.checkpoints = Checkpoints(artifact, **options)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            folder = os.path.join(args.output_dir, f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}")
            self.checkpoints.save(folder, step=state.global_step, metrics=_last(state.log_history))

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.checkpoints.flush()


def _last(history: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The last value of each metric in the trainer's log."""
    return {name: value for logged in history for name, value in logged.items() if name != "step"}
