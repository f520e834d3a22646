"""The checkpoints of a training, logged as versions of an artifact beside the training, without ever stopping it.

What the callbacks for each framework share; use it by itself where a framework has none:

    from mreg.integrations.training import Checkpoints

    with Checkpoints("mnist", best="max:accuracy") as checkpoints:
        for step, accuracy in train():
            checkpoints.save("out/ckpt", step=step, metrics={"accuracy": accuracy})

Of many processes that train one model, the first one (rank 0) logs; in the others nothing happens.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mreg.integrations import metrics as told_metrics
from mreg.integrations.metrics import Goal, InvalidGoal, number, numbers
from mreg.integrations.ranks import first_rank, no_ranks
from mreg.integrations.snapshot import Snapshot
from mreg.repository import Repository
from mreg.repository.given import texts
from mreg.values import names
from mreg.values.errors import NotFound, Unmet
from mreg.values.named_tuple import NamedTuple

if TYPE_CHECKING:
    from mreg.values.entities import Version

__all__ = ["BEST", "LAST", "Checkpoints", "Goal", "InvalidGoal", "first_rank", "numbers"]

StrPath = str | os.PathLike[str]

BEST = "best"
LAST = "last"
TRIES = 100
"""How often the best version is looked at again because somebody else has moved the alias meanwhile."""

_logger = logging.getLogger("mreg")


class _Save(NamedTuple):
    files: Snapshot | _Written
    metadata: dict[str, Any]
    message: str | None


class Checkpoints:
    """Logs checkpoints as versions of `artifact`, one after the other in a thread of its own.

    best: `max:METRIC` or `min:METRIC`, or `METRIC` where the setting metrics.direction says which: the alias `best`
    moves to a version whose metric is better than that of the version it is at; `last` moves always. Both move in the
    same change that makes the version. links: registered models to link each version into, as `Repository.log` takes
    them. run: recorded with each version. metadata: stored with each version. exclude: patterns of files that are left
    out. repository: an open one, or where it is; without it the one that `Repository.find()` gives. strict: raise what
    the registry raises, at the next call; else the logger `mreg` warns once, and the training goes on without that
    version. background: False logs before `save` returns.

    What is wrong before the training begins is raised in either case: InvalidName, InvalidGoal, NoRepository. What
    looks wrong later raises ValueError with `strict`; else it is warned of once, and the checkpoint is logged: metrics
    that are no numbers, and none that says what is best. A value that is not finite is never the best, which is only
    warned of. `save` after `close` logs nothing, and is told in the same way.
    """

    def __init__(
        self,
        artifact: str,
        *,
        best: str | None = None,
        links: Sequence[str] = (),
        run: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        repository: Repository | StrPath | None = None,
        strict: bool = False,
        background: bool = True,
    ) -> None:
        self.artifact = names.check_name(artifact)
        self.strict = strict
        self.missed = 0
        self._links, self._exclude = _links(links), texts(exclude)
        self._run = None if run is None else names.check_name(run, "run")
        self._warned: set[str] = set()
        self._closed = False
        for fault in no_ranks():
            self._complain(fault)
        self._metadata = dict(metadata or {})
        self._given = repository
        self._logs = first_rank()
        self._repository = _open(repository) if self._logs else None
        self.goal: Goal | None = None
        if best is not None and (self._repository or ":" in best):  # the other ranks know no setting, and log nothing
            self.goal = Goal.parse(best, self._repository.setting("metrics.direction") if self._repository else ())
        self._thread = ThreadPoolExecutor(1, "mreg") if background and self._repository else None
        self._pending: Future[None] | None = None
        self._last: Version | None = None

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def save(
        self,
        path: StrPath,
        *,
        step: int | None = None,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        message: str | None = None,
        name: str | None = None,
    ) -> None:
        """Log the folder (its contents) or the file as the next version.

        It may be deleted, and files in it replaced, as soon as this returns: what is logged is a folder with copies of
        its files, or, of those over 16 MiB, hard links where there can be any. One of these that is written to before
        it is logged is noticed (snapshot.Overwritten), and the checkpoint is not logged. step, metrics
        (numbers, or tensors of one element): stored as `step` and `metrics` in the version's metadata. name: what a
        file is called in the version.

        Where the last checkpoint is still being logged, this waits: at most one is under way.
        """
        told = self._told(step, metrics, metadata)
        self._save(lambda: Snapshot(os.fspath(path), name), told, message)

    def save_by(
        self,
        write: Callable[[str], object],
        *,
        step: int | None = None,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        message: str | None = None,
    ) -> None:
        """Log what `write(folder)` writes into a temporary folder, called at once if this process logs at all. The
        other arguments are those of `save`."""
        told = self._told(step, metrics, metadata)
        self._save(lambda: _Written(write), told, message)

    def flush(self) -> Version | None:
        """Wait until what was saved is logged; the version that was made last. With `strict`, raises what failed."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()
        return self._last

    def close(self) -> None:
        """Wait until all is logged. May be called twice."""
        self._closed = True
        try:
            self.flush()
        finally:
            if self._thread is not None:
                self._thread.shutdown()
                self._thread = None
            if self._repository is not None and self._repository is not self._given:
                self._repository.close()
            self._repository = None
            if self.missed > 1:
                _logger.warning("%d checkpoints of %s were not logged", self.missed, self.artifact)

    def _told(
        self, step: int | None, metrics: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        told: dict[str, Any] = {**self._metadata, **(metadata or {})}
        if step is not None:
            told["step"] = step
        if metrics and self._repository is not None:
            told["metrics"] = kept = numbers(metrics)
            self._complain(told_metrics.left_out(metrics, kept), "numbers")
            if self.goal is not None:
                self._complain(told_metrics.missing(self.goal, kept), "goal")
                self._complain(told_metrics.unlimited(self.goal, kept), "finite", fatal=False)
        return told

    def _complain(self, fault: str, kind: str = "", *, fatal: bool = True) -> None:
        """Raise ValueError with `strict`, else warn once of each kind; of nothing if there is no fault."""
        if fault and fatal and self.strict:
            raise ValueError(f"{self.artifact}: {fault}")
        if fault and (kind or fault) not in self._warned:
            self._warned.add(kind or fault)
            _logger.warning("%s: %s", self.artifact, fault)

    def _save(self, make: Callable[[], Snapshot | _Written], metadata: dict[str, Any], message: str | None) -> None:
        if self._closed and self._logs:
            self.missed += 1
            self._complain("a checkpoint was not logged: it was saved after close", "closed")
        if self._repository is None:
            return
        try:
            save = _Save(make(), metadata, message)
        except Exception as error:
            self._failed(error)
            return
        try:
            self.flush()
        except BaseException:
            save.files.delete()
            raise
        if self._thread is None:
            self._settle(save)
        else:
            self._pending = self._thread.submit(self._settle, save)

    def _settle(self, save: _Save) -> None:
        try:
            self._last = self._log(save)
        except Exception as error:
            self._failed(error)
        finally:
            save.files.delete()

    def _failed(self, error: Exception) -> None:
        if self.strict:
            raise error
        self.missed += 1
        if self.missed == 1:
            _logger.warning("a checkpoint of %s was not logged, and the training goes on: %s", self.artifact, error)

    def _log(self, save: _Save) -> Version:
        """Log it, and move the alias for the best one if it is better than what is best at that very moment."""
        assert self._repository is not None
        for _ in range(TRIES):
            place, better = self._compare(save.metadata.get("metrics", {}))
            try:
                save.files.check()
                return self._repository.log(
                    save.files.folder,
                    self.artifact,
                    aliases=[LAST, BEST] if better else [LAST],
                    links=self._links,
                    message=save.message,
                    metadata=save.metadata,
                    run=self._run,
                    exclude=self._exclude,
                    always=True,  # one checkpoint is one version: what was said of an earlier one stays as it is
                    expect=f"{self.artifact}:{BEST}={place}" if better else None,
                    progress=save.files.check,  # the last call comes when all has been read
                ).version
            except Unmet as error:
                met = error
        raise met

    def _compare(self, metrics: Mapping[str, float]) -> tuple[str, bool]:
        """Where `best` is, and whether a version with these metrics is better."""
        assert self._repository is not None
        best: Version | None = None
        try:
            best = self._repository.version(f"{self.artifact}:{BEST}")
        except NotFound:
            pass
        place = "none" if best is None else f"v{best.number}"
        if self.goal is None or self.goal.metric not in metrics:
            return place, False
        known = best.metadata.get("metrics") if best else None
        value = known.get(self.goal.metric) if isinstance(known, Mapping) else None
        return place, self.goal.prefers(metrics[self.goal.metric], number(value))


def _links(given: Sequence[str]) -> tuple[str, ...]:
    """`MODEL` or `MODEL:ALIAS` each. Raises InvalidName."""
    for link in texts(given):
        model, colon, alias = link.partition(":")
        names.check_name(model, "model name")
        if colon:
            names.check_alias(alias)
    return texts(given)


class _Written:
    """Files that were written for this purpose. See `Snapshot`."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.folder = tempfile.mkdtemp(prefix="mreg-")
        try:
            write(self.folder)
        except BaseException:
            self.delete()
            raise

    def check(self, *_: object) -> None:
        """Nobody else knows of them."""

    def delete(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _open(given: Repository | StrPath | None) -> Repository:
    if isinstance(given, Repository):
        return given
    return Repository.find() if given is None else Repository.open(given)
