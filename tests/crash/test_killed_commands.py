"""Whatever a command was doing when it was killed: the repository is sound, old versions are readable, the
change has happened or has not, and the same command does what it should when it is typed again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from crash_cases import CASES, LOG_CASE, TRIES, Case, contents, prepare, state, state_without_cache
from sweep import Bench, Done, Point, Team

Tell = Callable[[str], None]
Count = Callable[[str, int], None]

OFTEN = {"link", "alias-set", "tag-add", "rm", "gc"}
"""Killed at every third call in every run of the tests, and at every call in the slow ones."""

WRITING = ("openat", "write", "pwrite64", "fsync", "link", "rename", "mkdir", "fdatasync", "ftruncate", "unlink")


class Subject:
    """A case on a bench: what the repository is before the command and after it, and how to judge what lies
    in between."""

    def __init__(self, bench: Bench, case: Case) -> None:
        self.bench, self.case, self.command = bench, case, list(case.command)
        if not case.bare:
            prepare(bench)
            case.prepare(bench)
        bench.keep()
        self.before = self._state()
        self.old = {} if case.bare or case.damaged else contents(bench)
        bench.restore()
        self.points, done = bench.points(self.command)
        assert done.code == 0, done
        self.after = self._state()
        assert self._without_history(state_without_cache(bench)) == self.after

    def killed(self, point: Point) -> None:
        """Kill the command there, and judge."""
        for _ in range(TRIES):
            self.bench.restore()
            done = self.bench.kill(self.command, point)
            if done.code < 0:
                break
            # The digest of a record is another one each time, and the folder for it may be there already.
            assert done.code == 0, done
        else:  # what is kept in the lookup tables depends on how long ago files were written: mreg trusts no newer ones
            assert "/cache/index/" in point.text, f"it was not killed in {TRIES} runs: {done}"
        found = self._sound_state()
        assert found in (self.before, self.after), "the change is there in part"
        self._check_repeated()

    def failed(self, point: Point, error: str, *, lasting: bool = False) -> Done:
        """Let the call return the error, and judge. A command may do without what failed (the cache, say)."""
        for _ in range(TRIES):
            self.bench.restore()
            done = self.bench.fail(["--json", *self.command], point, error, lasting=lasting)
            if not self.bench.missed():
                break
        else:  # it was the run in which the calls were counted that had the folder
            assert self._sound_state() in (self.before, self.after)
            return done
        assert "Traceback" not in done.errors
        found = self._sound_state()
        if done.code == 0:
            assert found == self.after, "it says that it is done"
        elif lasting and point.call == "write":  # then what it has to say cannot be written either
            assert done.code == 1, done
            assert found in (self.before, self.after), "the change is there in part"
        else:
            assert done.code == 1, done
            assert done.out == ""
            self._check_told(json.loads(done.errors)["error"], error, found)
        self._check_repeated()
        return done

    def _check_told(self, told: dict[str, Any], error: str, found: Any) -> None:
        if told["code"] in ("uncertain", "unfinished"):
            assert found == self.after, "it says that the change was made"
            return
        allowed = (self.before, self.after) if self.case.unsure else (self.before,)
        assert found in allowed, "it says that it failed, but has changed something"
        assert (told["code"], told.get("errno")) == ("io-error", error), told
        assert told["message"]
        assert told["hint"]

    def _sound_state(self) -> Any:
        """The state after the command was hurt, which is the same by the cache that was in use as by a new
        one, in a sound repository with all that was readable."""
        by_cache = self._state()
        if by_cache is not None:
            if not self.case.damaged:
                self._check_sound()
            kept = contents(self.bench) if self.old else {}
            lost = {key for key, data in self.old.items() if kept.get(key) != data}
            assert not lost or by_cache == self.after, f"old versions are not readable: {lost}"
            self.case.check(self.bench)
        assert by_cache == self._without_history(state_without_cache(self.bench))
        return by_cache

    def _check_repeated(self) -> None:
        done = self.bench.run(*self.command)
        assert "stayed locked" not in done.errors, "the lock outlived its holder"  # 4 may be among `again`
        assert done.code in self.case.again, done
        assert "Traceback" not in done.errors
        assert self._state() == self.after
        self._check_sound()
        self.case.finished(self.bench)

    def _check_sound(self) -> None:
        done = self.bench.run("fsck", "--full")
        assert done.code == 0, done

    def _state(self) -> Any:
        return self._without_history(state(self.bench))

    def _without_history(self, found: Any) -> Any:
        if found is not None and not self.case.history:
            del found["commands"]
        return found


def hurt(team: Team, case: Case, judge: Callable[[Subject, Point], object], keep: Callable[[Point], bool]) -> int:
    """Let every bench of the team judge its share of the case's points; how many these were in all."""

    def task(bench: Bench, number: int) -> int:
        subject = Subject(bench, case)
        share = [point for point in subject.points if keep(point)][number :: len(team.benches)]
        for point in share:
            try:
                judge(subject, point)
            except AssertionError as error:
                raise AssertionError(f"`mreg {' '.join(case.command)}` hurt at {point}\n{error}") from error
        return len(share)

    return sum(team.each(task))


def everywhere(point: Point) -> bool:
    return True


def may_fail(point: Point) -> bool:
    return point.call in WRITING


def test_a_log_killed_at_any_call_leaves_all_or_nothing(team: Team, tell: Tell, count: Count) -> None:
    points = hurt(team, LOG_CASE, Subject.killed, everywhere)

    assert points >= 60, "the calls of a log were not found"
    tell(f"log: killed at {points} calls, survived all")
    count("kills", points)


@pytest.mark.parametrize("case", [case for case in CASES if case.name in OFTEN], ids=lambda case: case.name)
def test_a_command_killed_now_and_then_leaves_all_or_nothing(team: Team, count: Count, case: Case) -> None:
    points = hurt(team, case, Subject.killed, lambda point: point.number % 3 == 0)

    assert points >= 1, "the calls of the command were not found"
    count("kills", points)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_command_killed_at_any_call_leaves_all_or_nothing(team: Team, tell: Tell, count: Count, case: Case) -> None:
    points = hurt(team, case, Subject.killed, everywhere)

    assert points >= 5, "the calls of the command were not found"
    tell(f"{case.name}: killed at {points} calls, survived all")
    count("kills", points)


def test_a_log_in_which_a_call_fails_changes_nothing_or_is_done(team: Team, tell: Tell, count: Count) -> None:
    points = hurt(team, LOG_CASE, lambda subject, point: subject.failed(point, _error_for(point)), may_fail)

    assert points >= 1, "the calls of the command were not found"
    tell(f"log: {points} calls failed, no half state")
    count("failing calls", points)


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT"])
@pytest.mark.parametrize("case", [LOG_CASE, *CASES], ids=lambda case: case.name)
def test_a_command_in_which_a_call_fails_changes_nothing_or_is_done(
    team: Team, tell: Tell, count: Count, case: Case, error: str
) -> None:
    points = hurt(team, case, lambda subject, point: subject.failed(point, error), may_fail)

    assert points >= 1, "the calls of the command were not found"
    tell(f"{case.name}: {points} calls failed with {error}, no half state")
    count("failing calls", points)


@pytest.mark.slow
@pytest.mark.parametrize("case", [LOG_CASE, *CASES], ids=lambda case: case.name)
def test_a_command_on_a_disk_that_stays_full_changes_nothing_or_is_done(
    team: Team, tell: Tell, count: Count, case: Case
) -> None:
    def judge(subject: Subject, point: Point) -> None:  # no openat: on a full disk files can still be opened
        subject.failed(point, "ENOSPC", lasting=True)

    points = hurt(team, case, judge, lambda point: point.call in ("write", "pwrite64", "mkdir", "link"))

    assert points >= 1, "the calls of the command were not found"
    tell(f"{case.name}: the disk was full from {points} calls on, no half state")
    count("full disk", points)


def _error_for(point: Point) -> str:
    return "EIO" if "sync" in point.call or point.number % 3 == 0 else "ENOSPC"
