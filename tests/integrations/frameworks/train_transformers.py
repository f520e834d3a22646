"""A training with transformers: REPOSITORY OUTPUT STEPS [DIE_AT_STEP]. Goes on from `bert:last`, if that is there."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

from mreg import NotFound, Repository
from mreg.integrations.transformers import MregCallback


class Dies(TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def main(location: str, output: str, steps: str, die_at: str = "0") -> None:
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    model = BertForSequenceClassification(BertConfig(vocab_size=50, **shape))
    ids = torch.randint(0, 50, (16, 8))
    data = [{"input_ids": row, "labels": row[0] % 2} for row in ids]
    arguments = TrainingArguments(
        output,
        max_steps=int(steps),
        save_steps=2,
        eval_strategy="steps",
        eval_steps=2,
        logging_steps=1,
        save_total_limit=1,
        per_device_train_batch_size=4,
        learning_rate=1e-2,
        seed=0,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
    )
    callback = MregCallback("bert", best="min:eval_loss", repository=location, strict=True)
    callbacks: list[Any] = [callback, Dies(int(die_at))]
    trainer = Trainer(model, arguments, train_dataset=data, eval_dataset=data, callbacks=callbacks)
    with Repository.open(location) as repository:
        try:
            start = os.fspath(repository.use("bert:last"))
        except NotFound:
            start = None
        trainer.train(resume_from_checkpoint=start)
        loaded = BertForSequenceClassification.from_pretrained(repository.use("bert:last"))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    torch.save(model.state_dict(), os.path.join(output, "final.pt"))


main(*sys.argv[1:])
