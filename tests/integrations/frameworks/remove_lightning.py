"""Lightning removes a checkpoint in one thread while another one saves it: REPOSITORY OUTPUT."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Thread
from typing import Any

import mreg.integrations.training
from mreg.integrations.lightning import MregCheckpointIO


def main(location: str, output: str) -> None:
    path = Path(output) / "epoch=0.ckpt"
    saving = MregCheckpointIO("net", repository=location, strict=True)
    removal = Thread(target=saving.remove_checkpoint, args=[path])
    copy = mreg.integrations.training.Snapshot

    def copy_while_it_is_removed(*arguments: Any) -> Any:
        assert path.is_file()
        removal.start()
        removal.join(1)  # over at once, unless it waits for the copy, as it should
        return copy(*arguments)

    mreg.integrations.training.Snapshot = copy_while_it_is_removed  # type: ignore[assignment, misc]
    saving.save_checkpoint({"global_step": 4, "epoch": 0}, path)
    saving.teardown()
    removal.join()
    assert not path.exists()


main(*sys.argv[1:])
