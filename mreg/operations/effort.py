"""What a `log` takes: how much is read, and where the time goes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from time import perf_counter_ns

from mreg.intake.scan import Source
from mreg.intake.unwanted import reserved, unwanted
from mreg.values.entities import LogResult


class Effort:
    """Begins with the first phase; the same phase of several tries adds up."""

    def __init__(self) -> None:
        self._files = self._bytes = 0
        self._nanoseconds: dict[str, int] = {}
        self._since = perf_counter_ns()

    def ends(self, phase: str) -> None:
        """What was done since the last phase ended was this one."""
        now = perf_counter_ns()
        self._nanoseconds[phase] = self._nanoseconds.get(phase, 0) + now - self._since
        self._since = now

    def has_read(self, sources: Sequence[Source]) -> None:
        self._files += len(sources)
        self._bytes += sum(source.status.st_size for source in sources)

    def told_in(
        self,
        result: LogResult,
        sources: Sequence[Source],
        given: Iterable[str | os.PathLike[str]],
        left_out: Iterable[str],
    ) -> LogResult:
        """The result with all of this. given: the paths that were to be logged, which are wanted. left_out: what was
        left out for its name."""
        return result._replace(
            files_read=self._files,
            bytes_read=self._bytes,
            milliseconds={phase: round(spent / 1e6) for phase, spent in self._nanoseconds.items()},
            noticed=unwanted((one.path for one in sources), {os.path.basename(os.path.abspath(path)) for path in given})
            + reserved(left_out),
        )
