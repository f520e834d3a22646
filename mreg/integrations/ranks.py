"""Which of many processes that train one model logs its checkpoints."""

from __future__ import annotations

import os
import sys
from typing import Final

_RANKS: Final = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")


def first_rank() -> bool:
    """Is this the process that logs? True where one process trains by itself."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return bool(distributed.get_rank() == 0)
    rank = next((_rank(name) for name in _RANKS if _rank(name) is not None), None)
    return rank is None or rank <= 0  # some launchers say -1 where one process trains by itself


def no_ranks() -> list[str]:
    """What is wrong with variables that should tell the rank, and do not: they are not heeded."""
    return [
        f"{name} is {os.environ[name]!r}, which is not a rank, and is ignored"
        for name in _RANKS
        if os.environ.get(name, "").strip() and _rank(name) is None
    ]


def _rank(name: str) -> int | None:
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        return None
