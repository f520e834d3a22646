"""Every command on file systems that refuse calls which mreg can do without, and beside calls that fail."""

from __future__ import annotations

import ast
import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

import mreg
from mreg.cli.exit_codes import DAMAGED
from mreg.cli.main import run
from mreg.cli.registry import COMMANDS
from mreg.storage.posix import ENOTSUPP
from mreg.storage.process import Process
from mreg.storage.temporary import temporary_name
from mreg.testing.refusals import CALLS, refused

MANY_ALIASES = " ".join(f"--alias x{number}" for number in range(40))
"""So many that their ref files are flushed at once."""

SCENARIO = f"""
init
init --shared team
log model -a a --alias best --link M -m first --meta acc=1
log model more -a a --run r1 --input a:v0
log model -a b
log model -a doomed
import runs
import runs --dry-run
annotate a:v0 -m better
link a:v1 M --alias prod
alias set best a:v1
alias rollback best a
alias ls a
alias rm best a
tag add M vision
tag ls
tag rm M vision
card M --file card.md
card M
artifact create empty
artifact describe empty words
artifact ls
artifact show a
artifact rename empty hollow
artifact rm hollow
model create N
model describe N words
model ls
model show M
model rename N O
model rm O
unlink M:v0
resolve a
ls
ls a
show a:v1
lineage a:v1
files a:v1
cat a:v0 w.bin
diff a:v0 a:v1
search a
metrics a
html report.html
html pages
get a:v0 -o got
get a:v1 -o got
export a:v1 --folder exported
export a:v1 --oci layout
use a:v0
use a:v0 --run r2
use a:v1
clone . copy
push copy --all --aliases
pull copy --all
mirror twin
bundle create all.bundle --all
pull all.bundle
cache ls
cache prune
cache prune --force
rm doomed:v0
history
undo 5
du
du b
gc --dry-run
gc --grace 0 --repack
fsck --full
fsck --full --repair --from .
config ls
remote add team /elsewhere
remote set team /elsewhere/too
remote add mine /elsewhere --user
remote ls
remote rm team
config set gc.grace 3d
config get gc.grace
config set core.shared group
config set --user safe.directory /elsewhere
upgrade
log model more -a many {MANY_ALIASES}
completion bash
help filters
version
"""
COMMAND_LINES = [line.split() for line in SCENARIO.strip().splitlines()]

HURT = [
    line.split()
    for line in f"""
log more -a a
log model more -a new
log model more -a many {MANY_ALIASES}
alias set best a:v0
get a:v0 -o got
get a:v1 -o got
use a:v1
cache prune --force
ls a
cat a:v0 w.bin
rm doomed:v0
gc --grace 0 --repack
du
fsck --full
fsck --full --repair
config set core.shared group
config set --user safe.directory /elsewhere
init other
""".strip().splitlines()
]
"""What is tried beside calls that fail."""

Said = Callable[[list[str]], tuple[int, str]]

NO_FILE_SYSTEM = """
_exit chdir cpu_count dup2 fsdecode fsencode fspath get_terminal_size getcwd geteuid getpid getppid getuid
register_at_fork sched_getaffinity set_blocking strerror sync umask uname urandom
"""
"""Functions of `os` that ask no file system, or none that holds anything of mreg's."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with things to log."""
    place = tmp_path / "place"
    (place / "model").mkdir(parents=True)
    (place / "team").mkdir()
    (place / "model" / "w.bin").write_bytes(b"w" * 50_000)
    (place / "model" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (place / "model" / "run.sh").chmod(0o755)
    (place / "more").mkdir()
    for number in range(40):  # enough for a flush of the file system as a whole
        (place / "more" / f"{number}").write_bytes(b"%d" % number)
    (place / "runs" / "checkpoint-1").mkdir(parents=True)
    (place / "runs" / "checkpoint-1" / "w.bin").write_bytes(b"v" * 50_000)
    (place / "card.md").write_text("# A model\n")
    for name, folder in {"MREG_CACHE": "cache", "XDG_CONFIG_HOME": "config"}.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("MREG_REPO", "MREG_SAFE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(place)
    monkeypatch.setattr("mreg.storage.posix._WORTH_RESERVING", 1)
    monkeypatch.setattr("mreg.storage.process._this_process", Process())  # learnt anew
    left = tmp_path / "cache" / "tmp" / temporary_name().replace(f"-{os.getpid()}-", "-1-")
    left.mkdir(parents=True)  # of a process that cannot be told from one that lives: it stays
    mask = os.umask(0o077)  # which the cache, and a group, have to be given their modes against
    yield place
    os.umask(mask)


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    """Runs a command line; its exit code and what it said."""

    def said(arguments: list[str]) -> tuple[int, str]:
        code = run(arguments)
        return code, capfd.readouterr().err

    return said


def leftovers(folder: Path) -> list[Path]:
    unfinished = [path for path in folder.rglob("*") if "mreg-" in path.name and "-1-" not in path.name]
    return unfinished + list(folder.rglob("lock.held"))


def functions_of_os() -> set[str]:
    found = set()
    for path in Path(mreg.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                found.add(node.attr)
    functions = {name for name in found if callable(getattr(os, name, None))}
    return functions - {"PathLike", "stat_result"}


def test_every_call_to_the_file_system_stands_in_the_table() -> None:
    listed = {call.name for call in CALLS.values() if call.module == "os"}

    assert functions_of_os() - set(NO_FILE_SYSTEM.split()) == listed


def test_the_scenario_has_every_command() -> None:
    commands = {
        (name, *below) for name, entry in COMMANDS.items() for below in ([(one,) for one in entry.group or ()] or [()])
    }

    assert {tuple(line[:length]) for line in COMMAND_LINES for length in (1, 2)} >= commands


SHARING = ("init --shared team", "config set core.shared group")
"""What does nothing but change modes, and says so where it cannot."""


def do_all(said: Said, *, less: Sequence[str] = ()) -> list[tuple[list[str], int, str]]:
    """Runs the scenario; the commands that did not do their work."""
    outcomes = [(line, *said(line)) for line in COMMAND_LINES if " ".join(line) not in less]
    return [outcome for outcome in outcomes if outcome[1] != 0]


def check_all_was_done(place: Path, said: Said) -> None:
    assert (place / "got" / "w.bin").read_bytes() == b"w" * 50_000
    assert leftovers(place.parent) == []
    assert said(["fsck", "--full"])[0] == 0


DISPENSABLE = [name for name, call in CALLS.items() if call.dispensable]


@pytest.mark.parametrize("call", DISPENSABLE)
def test_every_command_works_where_a_call_is_refused_in_whatever_words(place: Path, said: Said, call: str) -> None:
    with refused(CALLS[call], *CALLS[call].answers) as asked:
        assert do_all(said, less=SHARING if call == "chmod" else ()) == []

    assert asked
    check_all_was_done(place, said)


def test_every_command_works_where_all_of_these_calls_are_refused(place: Path, said: Said) -> None:
    with ExitStack() as stack:
        for call in DISPENSABLE:
            stack.enter_context(refused(CALLS[call], ENOTSUPP))

        assert do_all(said, less=SHARING) == []

    check_all_was_done(place, said)


def test_a_temporary_folder_that_cannot_be_removed_is_no_failure(
    place: Path, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("VISUAL", "true")
    (place / "model" / "w.bin").chmod(0o755)
    for line in ("init", "log model -a a --link M", "export a:v0 --oci layout"):
        assert said(line.split())[0] == 0

    with refused(CALLS["scandir"], errno.EACCES, errno.EIO, below=temporary) as asked:
        for line in ("import layout -a other", "card M --edit"):
            assert said(line.split())[0] == 0
        mreg.Repository.open(".").log({"w.bin": b"w"}, "mapped")

    assert asked
    assert said(["fsck"])[0] == 0


NEEDED = [name for name, call in CALLS.items() if not call.dispensable]


@pytest.mark.skipif(sys.platform != "linux", reason="which file a descriptor is of is told by /proc")
@pytest.mark.parametrize("call", NEEDED)
def test_commands_say_what_failed_where_a_needed_call_fails(place: Path, said: Said, call: str) -> None:
    for line in COMMAND_LINES[:8]:
        assert said(line)[0] == 0

    for line in HURT:
        with refused(CALLS[call], ENOTSUPP, below=place.parent):
            code, errors = said(line)
        assert "unexpected" not in errors and "Traceback" not in errors, (line, errors)
        assert code in (0, DAMAGED) or "error: " in errors, (line, code, errors)

    assert said(["fsck"])[0] == 0
