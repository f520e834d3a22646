"""A progress bar for long work, on a terminal only: nothing is shown, or even loaded, in the first second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mreg import cli
from mreg.cli.state import State

if TYPE_CHECKING:
    from mreg.cli.rich_output import Progress

PATIENCE = 1.0


class Bar:
    """Call it with bytes done and bytes in all; use as a context manager, so that the bar goes away."""

    def __init__(self, label: str, state: State) -> None:
        self._label = label
        self._color = state.color
        self._began = time.monotonic()
        self._shown = state.talkative and sys.stderr.isatty()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        if not self._shown or (self._progress is None and time.monotonic() - self._began < PATIENCE):
            return
        if self._progress is None:
            self._progress = cli.rich_output.bar(self._label, total, color=self._color)
        self._progress.update(self._progress.task_ids[0], completed=done, total=total)
