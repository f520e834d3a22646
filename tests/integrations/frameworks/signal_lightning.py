"""A signal of Slurm comes while a checkpoint is copied; as in Lightning, its handler saves too: REPOSITORY OUTPUT."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import mreg.integrations.training
from mreg.integrations.lightning import MregCheckpointIO


def main(location: str, output: str) -> None:
    saving = MregCheckpointIO("net", repository=location, strict=True)
    copy = mreg.integrations.training.Snapshot

    def save(step: int) -> None:
        saving.save_checkpoint({"global_step": step}, os.path.join(output, f"step={step}.ckpt"))

    def handle(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        save(5)

    def copy_with_a_signal(*arguments: Any) -> Any:
        if signal.getsignal(signal.SIGUSR1) is handle:
            signal.raise_signal(signal.SIGUSR1)
        return copy(*arguments)

    mreg.integrations.training.Snapshot = copy_with_a_signal  # type: ignore[assignment, misc]
    signal.signal(signal.SIGUSR1, handle)
    signal.alarm(120)  # else a handler that waits for what it interrupts would wait for ever
    save(4)
    saving.teardown()


main(*sys.argv[1:])
