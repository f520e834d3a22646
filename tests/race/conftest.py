"""Many processes at once on one repository."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mreg import Repository

sys.path.insert(0, str(Path(__file__).parent))  # where `linearizable` is: test folders are no packages

WORKERS = Path(__file__).with_name("race_workers.py")
PATIENCE = 1200

Task = tuple[str, dict[str, Any]]


class Race:
    """Processes that were started, stand ready, and run when all are."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *tasks: Task) -> list[subprocess.Popen[str]]:
        """Start a process for each task, and let all go at once."""
        new = [self._spawn(task, arguments) for task, arguments in tasks]
        for process in new:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", self._failure(process)
        for process in new:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return new

    def start_beside(self, *tasks: Task) -> list[subprocess.Popen[str]]:
        """Start what goes on until it is told to stop, and return when each has done its work once.

        What is started next is sure to find them at work: on a busy machine it might be over before they begin.
        """
        new = self.start(*tasks)
        for process in new:
            assert process.stdout is not None
            assert process.stdout.readline() == "at work\n", self._failure(process)
        return new

    def results(self, processes: list[subprocess.Popen[str]]) -> list[Any]:
        """What each has to say at its end."""
        found = []
        for process in processes:
            out, errors = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, errors
            found.append(json.loads(out))
        return found

    def run(self, *tasks: Task) -> list[Any]:
        return self.results(self.start(*tasks))

    def stop(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def _spawn(self, task: str, arguments: dict[str, Any]) -> subprocess.Popen[str]:
        command = [sys.executable, str(WORKERS), task, self._location, json.dumps(arguments)]
        pipe = subprocess.PIPE
        self._running.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return self._running[-1]

    @staticmethod
    def _failure(process: subprocess.Popen[str]) -> str:
        process.kill()
        return process.communicate()[1]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository on disk without content; the workers share its cache, as the processes of one person do.

    Writers wait for the lock as long as it takes: on a slow disk sixteen keep one waiting for longer than the default.
    """
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    with Repository.init(tmp_path) as made:
        made.set_setting("lock.timeout", f"{PATIENCE}s")
        yield made


@pytest.fixture
def race(repository: Repository) -> Iterator[Race]:
    made = Race(repository.location)
    yield made
    made.stop()


@pytest.fixture
def race_at() -> Iterator[Callable[[str], Race]]:
    """The same in a repository elsewhere."""
    made: list[Race] = []

    def race_at(location: str) -> Race:
        made.append(Race(location))
        return made[-1]

    yield race_at
    for race in made:
        race.stop()


@pytest.fixture
def assert_clean(repository: Repository) -> Callable[[], None]:
    """Every invariant holds, every byte is there, and no writer left anything behind."""

    def check() -> None:
        assert repository.fsck(full=True).findings == ()
        assert list(Path(repository.location, "tmp").iterdir()) == []

    return check
