"""The command line as people and scripts meet it: what it prints, where, and how it ends."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from terminals import shown_on

sys.path.insert(0, str(Path(__file__).parent))  # where `accounts` is: test folders are no packages

from accounts import Command, accounts

from mreg.cli.main import run

PATIENCE = 300


class Result(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """What a failed command says with --json."""
        told: dict[str, Any] = json.loads(self.errors)
        assert list(told) == ["error"]
        return told["error"]


_BAR = re.compile(r"\x1b\[\?25l.*?\x1b\[\?25h\r\x1b\[1A\x1b\[2K", re.DOTALL)
"""From where the cursor is hidden to where the line is wiped."""


class Cli:
    """Runs `mreg` in the folder `home`, in this process or in one of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *command: str, stdin: bytes = b"") -> Result:
        """In this process, with pipes for a terminal."""
        out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), contextlib.chdir(self.home):
            present, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
            try:
                code = run(list(command))
            finally:
                sys.stdin = present
        result = Result(code, *(os.fsdecode(stream.buffer.getvalue()) for stream in (out, errors)))
        assert "Traceback" not in result.errors
        return result

    def must(self, *command: str) -> str:
        """What a command prints that cannot fail."""
        result = self(*command)
        assert result.code == 0, result
        return result.out

    def start(self, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        """In a process of its own, as people start it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.line(*command), cwd=self.home, **{"stdout": pipe, "stderr": pipe, **options})

    def process(self, *command: str, **options: Any) -> Result:
        """The same, to its end."""
        with self.start(*command, **options) as process:
            out, errors = process.communicate(timeout=PATIENCE)
        return Result(process.returncode, os.fsdecode(out or b""), os.fsdecode(errors or b""))

    def terminal(self, *command: str, environment: dict[str, str] | None = None) -> Result:
        """On a terminal of 120 columns. All that stays there is in `out`, as it appeared; in `errors`
        is what is wiped away: the bar of what takes longer than a second, as anything may on a busy machine."""
        import fcntl
        import struct
        import termios

        mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        env |= {"TERM": "xterm-256color"} | (environment or {})
        process = self.start(*command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)
        text = b"".join(shown_on(mine, PATIENCE)).decode()
        os.close(mine)
        stays = _BAR.sub("", text).replace("\r\n", "\n")
        return Result(process.wait(PATIENCE), stays, "".join(_BAR.findall(text)))

    @staticmethod
    def line(*command: str) -> list[str]:
        return [sys.executable, "-m", "mreg", *command]


Snapshot = dict[str, tuple[int, str]]


def snapshot_of(folder: Path) -> Snapshot:
    """Mode and digest of everything below the folder, but for the lock's note and unfinished work."""
    found = {}
    for here, folders, names in os.walk(folder):
        relative = Path(here).relative_to(folder)
        if relative == Path("."):
            names = [name for name in names if name != "lock"]
            folders[:] = [name for name in folders if name != "tmp"]
        for name in folders:
            found[str(relative / name)] = (os.lstat(os.path.join(here, name)).st_mode, "folder")
        for name in names:
            path = os.path.join(here, name)
            data = os.readlink(path).encode() if os.path.islink(path) else Path(path).read_bytes()
            found[str(relative / name)] = (os.lstat(path).st_mode, hashlib.sha256(data).hexdigest())
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a repository, with caches and settings of its own."""
    for name in [name for name in os.environ if name.startswith("MREG_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards also where it was not set
        monkeypatch.delenv(name)
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user" / ".config"))
    for name in ("user", "work"):
        (tmp_path / name).mkdir()
    return tmp_path / "work"


@pytest.fixture(scope="session")
def cli_in() -> Callable[[Path], Cli]:
    """The command line in a folder that the test chooses."""
    return Cli


@pytest.fixture
def bare(home: Path) -> Cli:
    """The command line where there is no repository."""
    return Cli(home)


@pytest.fixture
def mreg(bare: Cli) -> Cli:
    """The command line in an empty repository."""
    bare.must("init")
    return bare


@pytest.fixture
def filled(mreg: Cli, model: Callable[..., str]) -> Cli:
    """Two versions of `digits`, `v0` being `best` and linked in `Classifier`, which has a tag and a card."""
    one = model("one", {"weights.bin": b"one" * 100, "config/arch.json": b"{}"})
    two = model("two", {"weights.bin": b"two" * 100, "config/arch.json": b"{}"})
    (mreg.home / "card.md").write_text("# Classifier\n\nTells *digits*.\n")
    mreg.must(
        "log", one, "-a", "digits", "--alias", "best", "--link", "Classifier", "-m", "first", "--meta", "m.acc=0.9"
    )
    mreg.must("log", two, "-a", "digits", "-m", "second", "--meta", "m.acc=0.8", "--run", "r1", "--input", "digits:v0")
    mreg.must("tag", "add", "Classifier", "vision")
    mreg.must("card", "Classifier", "--file", "card.md")
    mreg.must("alias", "set", "prod", "Classifier:v0")
    return mreg


@pytest.fixture
def model(home: Path) -> Callable[..., str]:
    """Make a folder of files in the working folder, and tell its name."""

    def model(name: str = "model", files: dict[str, bytes] | None = None) -> str:
        for path, data in (files or {"weights.bin": b"weights"}).items():
            file = home / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return name

    return model


@pytest.fixture
def snapshot(home: Path) -> Callable[[], Snapshot]:
    """What lies in the repository now."""
    return lambda: snapshot_of(home / ".mreg")


@pytest.fixture
def unchanged(snapshot: Callable[[], Snapshot]) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """A block that must leave the repository as it is."""

    @contextlib.contextmanager
    def unchanged() -> Iterator[None]:
        before = snapshot()
        yield
        assert snapshot() == before

    return unchanged


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], None]:
    """Wait until something is so."""

    def wait_for(condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            select.select([], [], [], 0.005)

    return wait_for


@pytest.fixture
def public_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder that other users may enter, which pytest's own are not. Only root can change users."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a command as another user")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in ("cache", "user"):
            os.mkdir(os.path.join(folder, name))
            os.chown(os.path.join(folder, name), 65534, 65534)
        monkeypatch.setenv("MREG_CACHE", os.path.join(folder, "cache"))
        monkeypatch.setenv("HOME", os.path.join(folder, "user"))
        monkeypatch.delenv("MREG_REPO", raising=False)
        work = Path(folder, "work")
        work.mkdir()
        yield work


@pytest.fixture
def as_nobody(public_home: Path) -> Callable[..., Result]:
    """Run `mreg` in the public folder as the user nobody."""

    def as_nobody(*command: str) -> Result:
        return Result(*accounts().start(65534, "", "022", public_home, os.environ, *command).finish())

    return as_nobody


TEAM = 45000
"""A group that needs no name."""


class Person:
    """Somebody with an account of their own, in the group TEAM, whose umask keeps everything to themselves.

    They work in `work`, and have their own home, with cache and settings. `safe`: what they have in MREG_SAFE.
    """

    def __init__(self, uid: int, home: Path, work: Path) -> None:
        self.uid, self.home, self.work = uid, home, work
        self.safe, self.umask, self.groups = "", "077", str(TEAM)
        home.mkdir()
        os.chown(home, uid, uid)

    def start(self, *command: str, killed_at: int = 0) -> Command:
        """killed_at: the number of the changing call at which it dies."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("MREG_", "XDG_"))}
        env |= {"HOME": str(self.home), "MREG_SAFE": self.safe}
        return accounts().start(self.uid, self.groups, self.umask, self.work, env, *command, killed_at=killed_at)

    def __call__(self, *command: str, killed_at: int = 0) -> Result:
        result = Result(*self.start(*command, killed_at=killed_at).finish())
        assert "Traceback" not in result.errors, result.errors
        return result

    def must(self, *command: str) -> str:
        result = self(*command)
        assert result.code == 0, (command, result)
        return result.out


@pytest.fixture
def people() -> Iterator[tuple[Person, Person, Path]]:
    """Ann, Bob, and the folder that they work in, which is the team's."""
    if os.geteuid() != 0:
        pytest.skip("only root can run commands as two users")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        work = Path(folder, "work")
        work.mkdir()
        os.chown(work, 0, TEAM)
        os.chmod(work, 0o2775)
        for name in ("one", "two", "three"):
            (work / name).mkdir()
            (work / name / "weights.bin").write_bytes(name.encode() * 100)
            (work / name / "config.json").write_bytes(b"{}")
        yield Person(41001, Path(folder, "ann"), work), Person(41002, Path(folder, "bob"), work), work
