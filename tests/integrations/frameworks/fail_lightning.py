"""What Lightning saves in the background cannot be logged, since the repository is gone: REPOSITORY OUTPUT."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from lightning.pytorch.plugins.io import AsyncCheckpointIO

from mreg import MregError
from mreg.integrations.lightning import MregCheckpointIO


def main(location: str, output: str) -> None:
    saving = AsyncCheckpointIO(MregCheckpointIO("net", repository=location, strict=True))
    shutil.rmtree(location)
    saving.save_checkpoint({"global_step": 4, "epoch": 0}, os.path.join(output, "last.ckpt"))
    with pytest.raises(MregError):
        saving.teardown()


main(*sys.argv[1:])
