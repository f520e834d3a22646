"""The checkpoints of a Lightning `Trainer` as versions:

    from mreg.integrations.lightning import MregCheckpointIO

    saving = MregCheckpointIO("mnist", best="min:val_loss")
    trainer = Trainer(plugins=[saving], callbacks=[ModelCheckpoint(monitor="val_loss")])

A plugin, and no callback: `on_save_checkpoint` comes before the file is there. In each version the file is called
`checkpoint.ckpt`, wherever Lightning wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock, get_ident
from typing import Any

from mreg.integrations.needed import needs
from mreg.integrations.training import Checkpoints

with needs("Lightning", "lightning"):
    from lightning.pytorch.plugins.io import TorchCheckpointIO

__all__ = ["FILE", "MregCheckpointIO"]

FILE = "checkpoint.ckpt"


class MregCheckpointIO(TorchCheckpointIO):  # type: ignore[misc, unused-ignore]
    """Writes a checkpoint as Lightning does, and logs it when it is whole.

    The options are those of `mreg.integrations.training.Checkpoints`. The metrics of a version are what each
    `ModelCheckpoint` monitors, and those that `metrics()` returns: `metrics=lambda: trainer.callback_metrics`. One step
    is one version, also where it is saved under several names. Where this is wrapped in `AsyncCheckpointIO`, `metrics`
    is called in the thread that saves, while the training goes on.
    """

    def __init__(
        self, artifact: str, *, metrics: Callable[[], Mapping[str, Any]] | None = None, **options: Any
    ) -> None:
        super().__init__()
        self.checkpoints = Checkpoints(artifact, **options)
        self._metrics = metrics
        self._step: int | None = None
        self._thread = get_ident()
        self._writing = RLock()
        """Held while a checkpoint is written and copied, or removed: AsyncCheckpointIO saves in a thread of its own and
        removes in that of the training. Reentrant: Lightning's handler for Slurm's requeue signal saves too, in the
        thread that it interrupts."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        self.checkpoints.flush()  # it may be a file that is being logged
        with self._writing:
            super().save_checkpoint(checkpoint, path, storage_options)
            step = checkpoint.get("global_step")
            if step is None or step != self._step:
                metrics = {**_monitored(checkpoint), **(self._metrics() if self._metrics else {})}
                about = {"epoch": checkpoint["epoch"]} if "epoch" in checkpoint else None
                self.checkpoints.save(path, step=step, metrics=metrics, metadata=about, name=FILE)
                self._step = step
        if get_ident() != self._thread:  # AsyncCheckpointIO waits for its thread at the end, but calls no `teardown`
            self.checkpoints.flush()

    def remove_checkpoint(self, path: Any) -> None:
        with self._writing:
            super().remove_checkpoint(path)

    def teardown(self) -> None:
        self.checkpoints.flush()


def _monitored(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What the callbacks of the trainer say of themselves in the checkpoint: the metric, and its value now."""
    states = [state for state in checkpoint.get("callbacks", {}).values() if isinstance(state, Mapping)]
    return {state["monitor"]: state.get("current_score") for state in states if state.get("monitor")}
