"""Progress of long work: on a terminal a bar, of which nothing is shown, or even loaded, in the first second.

Elsewhere, as in a CI job, a line now and then, by which a job that is slow is told from one that hangs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from mreg import cli
from mreg.cli.output import speed_text
from mreg.cli.state import State
from mreg.values.named_tuple import NamedTuple
from mreg.values.words import size_text

if TYPE_CHECKING:
    from mreg.cli.rich_output import Progress

PATIENCE: Final = 1.0
EVERY: Final = 30.0
"""Seconds between two lines."""


class _Step(NamedTuple):
    at: float
    done: int


class Bar:
    """Call it with bytes done and bytes in all; use as a context manager, so that the bar goes away.

    sums_up: with --verbose, tell the bytes and the speed of the whole in the end.
    """

    def __init__(
        self, label: str, state: State, *, sums_up: bool = True, clock: Callable[[], float] | None = None
    ) -> None:
        self._label = label
        self._state = state
        self._sums_up = sums_up and state.verbose
        self._clock = clock or monotonic
        self._began = self._clock()
        self._terminal = sys.stderr.isatty()
        self._told: _Step | None = None
        self._done = 0
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._sums_up and self._done and error is None:
            seconds = self._clock() - self._began
            speed = speed_text(self._done, seconds)
            self._state.note(f"{self._label}: {size_text(self._done)} in {seconds:.1f} s, {speed}")

    def __call__(self, done: int, total: int) -> None:
        self._done = done
        now = _Step(self._clock(), done)
        if not self._state.talkative:
            return
        if self._terminal:
            self._show(now, total)
        elif self._told is None:  # what need not be read may be counted already: it says nothing about the speed
            self._told = now
        elif now.at - self._told.at >= EVERY:
            speed = speed_text(now.done - self._told.done, now.at - self._told.at)
            self._state.note(f"{self._label}: {size_text(now.done)} of {size_text(total)}, {speed}")
            self._told = now

    def _show(self, now: _Step, total: int) -> None:
        if self._progress is None:
            if now.at - self._began < PATIENCE:
                return
            self._progress = cli.rich_output.bar(self._label, total, color=self._state.color)
        self._progress.update(self._progress.task_ids[0], completed=now.done, total=total)
