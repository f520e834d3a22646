"""The exit codes that scripts branch on, each with its sentence, its hint, and its JSON; and that nothing changed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from mreg.cli.report import report
from mreg.cli.state import State

Unchanged = Callable[[], Any]

FAILURES = [
    # exit code, code, command line, a part of the sentence, a part of the hint
    (1, "unreadable-file", "card Classifier --file one", "cannot read 'one': Is a directory", "name a file"),
    (2, "invalid-card", "card Classifier --file notes", "it is not UTF-8 text", "UTF-8"),
    (1, "editor-failed", "card Classifier --edit", "the editor 'false' failed", ""),
    (2, "invalid-time", "history --since x", "'x' is not an entry number, age, date or time", "2026-01-31"),
    (2, "usage", "log", "--artifact NAME is missing", "write `mreg log PATH... --artifact NAME [OPTIONS]`; see"),
    (2, "usage", "log one", "--artifact NAME is missing", "mreg log --help"),
    (2, "usage", "resolve digits --nope", "there is no option --nope", "mreg resolve --help"),
    (2, "invalid-time", "history --until 2026-13-01", "'2026-13-01'", "2026-01-31"),
    (2, "invalid-message", "alias set best digits:v0 -m \udcff", "the message is not valid Unicode", "UTF-8"),
    (2, "invalid-reference", "history digits:v0", "write NAME or NAME:ALIAS", "NAME:ALIAS"),
    (3, "unknown-alias", "history digits:bset", "'digits' has no alias 'bset'", "did you mean `best`?"),
    (2, "unknown-command", "resolv digits", "there is no command 'resolv'", "did you mean `resolve`?"),
    (2, "unknown-command", "alias frob", "there is no command 'frob'", "mreg alias --help"),
    (
        2,
        "invalid-name",
        "log one -a bad/name",
        "'bad/name' is not a valid artifact name",
        "write `bad-name`; a name",
    ),
    (2, "invalid-name", "alias set latest digits:v0", "'latest' is not a valid alias", "choose another word"),
    (2, "invalid-name", "alias set v7 digits:v0", "'v7' is not a valid alias", "choose another word"),
    (2, "invalid-tag", "tag add Classifier a;b", "'a;b' is not a valid tag", "single spaces"),
    (
        2,
        "unknown-scheme",
        "init hdfs://models",
        "hdfs:// (only file://, s3://, gs://, az://, ssh://",
        "./",
    ),
    (2, "invalid-bucket", "ls --repo s3://", "write s3://BUCKET/FOLDER", "s3://models/vision"),
    (2, "unknown-scheme", "ls --repo ftp://models", "ftp://models", "./"),
    (2, "invalid-location", "ls --repo file://models", "three slashes", "file:///srv/models"),
    (2, "needs-folder", "get digits -o s3://models", "what get writes to must be a folder", "./"),
    (2, "invalid-reference", "resolve digits:", "nothing follows the colon", "NAME:vN"),
    (2, "invalid-reference", "resolve digits:v01", "without leading zeros", "NAME:vN"),
    (2, "invalid-reference", "resolve digits:@abc", "8 to 64 hex digits", "NAME:@DIGEST"),
    (2, "invalid-expectation", "alias set best digits:v0 --expect 3", "write vN or none", ""),
    (2, "invalid-metadata", "log one -a digits --meta novalue", "novalue", "KEY=VALUE"),
    (2, "invalid-setting", "config set gc.grace soon", "'soon'", ""),
    (2, "unknown-sequence", "history --since 999", "no entry 999", "mreg history"),
    (2, "unknown-sequence", "undo 999", "no entry 999", "mreg history"),
    (2, "unmatched-pattern", "diff digits:v0 digits:v1 --tensors no.*", "no tensor of", "--tensors --all"),
    (2, "usage", "undo 0", "N: 0 is less than 1", "mreg undo --help"),
    (2, "usage", "gc --keep-last -1", "--keep-last: -1 is less than 0", "mreg gc --help"),
    (2, "usage", "gc --older-than soon", "'soon'", "mreg gc --help"),
    (2, "usage", "gc --grace soon", "'soon'", "mreg gc --help"),
    (2, "no-collection", "du digits:v0", "'digits:v0' is a version", "mreg du digits"),
    (2, "invalid-setting", "config set gc.keep-last few", "write a whole number", ""),
    (2, "nothing-to-log", "log void -a digits", "'void' contains no files", "--include"),
    (2, "one-source", "card Classifier --file card.md --edit", "cannot be combined", ""),
    (2, "repair-only", "fsck --from .", "only used by a repair", "--repair"),
    (2, "path-of-project", "use ada/vision/digits:best", "a repository is a single project", "write `digits:best`"),
    (2, "path-of-project", "log one -a ada/vision/digits", "a repository is a single project", "write `digits`"),
    (2, "once-or-always", "log one -a digits --once --always", "cannot be combined", "give one"),
    (2, "invalid-expectation", "log one -a digits --expect v0", "no alias is moved", "ALIAS=vN"),
    (
        2,
        "invalid-expectation",
        "link digits:v0 Classifier --alias a --alias b --expect v0",
        "name the alias",
        "ALIAS=vN",
    ),
    (
        2,
        "invalid-expectation",
        "link digits:v0 Classifier --alias a --expect b=v0",
        "the command moves Classifier:a",
        "ALIAS=vN",
    ),
    (3, "missing-path", "log nowhere -a digits", "'nowhere'", "check the path"),
    (3, "unknown-name", "resolve digit", "'digit'", "did you mean `digits`?"),
    (3, "unknown-name", "resolve zzz", "'zzz'", "mreg ls"),
    (3, "unknown-artifact", "artifact show Digit", "no artifact 'Digit'", "did you mean `digits`?"),
    (3, "unknown-model", "card Clasifier", "no registered model 'Clasifier'", "did you mean `Classifier`?"),
    (3, "unknown-version", "show digits:v9", "'digits' has no version v9", "mreg ls digits"),
    (3, "deleted-version", "get digits:v2", "v2 of 'digits' was deleted", "mreg ls digits"),
    (3, "deleted-elsewhere", "use before:v1", "v1 of 'before' was renamed to after:v1, and", "mreg history after`"),
    (3, "renamed-version", "resolve before:v0", "it is after:v0 now", "use after:v0; `mreg history before`"),
    (3, "unknown-version", "use digits:@00000000", "no version @00000000", "mreg ls digits"),
    (3, "unknown-alias", "use digits:bset", "'digits' has no alias 'bset'", "did you mean `best`?"),
    (3, "unknown-alias", "alias rm zzz digits", "no alias 'zzz'", "mreg alias ls digits"),
    (3, "empty", "resolve empty", "'empty' has no version", "mreg log PATH --artifact NAME"),
    (3, "unknown-file", "cat digits weight.bin", "no file 'weight.bin'", "did you mean `weights.bin`?"),
    (3, "nothing-included", "get digits --include *.pt", "*.pt", "mreg files digits:v1"),
    (3, "unknown-tag", "tag rm Classifier visoin", "no tag 'visoin'", "did you mean `vision`?"),
    (3, "unknown-setting", "config get gc.grce", "'gc.grce'", "did you mean `gc.grace`"),
    (3, "unknown-remote", "resolve origin/digits", "no remote 'origin'", "--repo"),
    (2, "unknown-format", "init new --format 9", "no repository format 9", "mreg version"),
    (3, "no-repository", "--repo / ls", "there is no mreg repository at /", "mreg init"),
    (3, "no-repository", "--repo notes ls", "notes, which is a file", "mreg init"),
    (3, "no-folder", "-C nowhere ls", "cannot enter 'nowhere'", ""),
    (7, "alias-moved", "alias set best digits:v1 --expect v1", "digits:best is at v0, not at v1", "mreg history"),
    (7, "alias-moved", "alias set best digits:v1 --expect none", "digits:best is at v0, not at none", "mreg history"),
    (7, "alias-moved", "alias rm best digits --expect v1", "digits:best is at v0, not at v1", "mreg history"),
    (
        7,
        "alias-moved",
        "log third -a digits --alias best --expect v1",
        "digits:best is at v0, not at v1",
        "mreg history",
    ),
    (
        7,
        "alias-moved",
        "log one -a x --link Classifier:prod --expect prod=v1",
        "Classifier:prod is at v0",
        "mreg history",
    ),
    (7, "alias-moved", "link digits:v1 Classifier --alias prod --expect none", "is at v0, not at none", "mreg history"),
    (7, "alias-moved", "alias set new digits:v1 --expect v0", "digits:new is at none, not at v0", "mreg alias ls"),
    (4, "ref-moved", "undo 6", "entry 7 has changed version digits:v2 since; it is deleted now", "undo entry 7 first"),
    (5, "damaged-ref", "resolve torn:v0", "artifacts/torn/v0", "mreg fsck"),
    (5, "damaged-ref", "log one -a torn", "artifacts/torn/v0", "mreg fsck"),
    (6, "held", "rm digits:v0", "digits:v0 is held by alias 'digits:best'", "--force"),
    (6, "given-up", "undo 7", "the files of digits:v2 are gone", "log the files again"),
    (
        6,
        "cannot-undo",
        "undo 8",
        "it changed no refs, and what gc deletes cannot be restored",
        "mreg history --since 8",
    ),
    (
        6,
        "cannot-undo",
        "undo 2",
        "alias 'digits:late' would be left without version digits:v1",
        "mreg history --since 2",
    ),
    (6, "held", "unlink Classifier:v0", "alias 'Classifier:prod'", "--force"),
    (6, "not-empty", "artifact rm empty2", "'empty2' still contains 1 version", "--force"),
    (6, "not-empty", "model rm Classifier", "still contains 1 link", "--force"),
    (6, "name-taken", "model create digits", "there is an artifact 'digits'", "choose another name"),
    (6, "name-taken", "artifact create DIGITS", "there is an artifact 'digits'", "choose another name"),
    (6, "name-taken", "log one -a Classifier", "there is a registered model 'Classifier'", "mreg ls"),
    (6, "type-differs", "log one -a digits --type dataset", "'digits' is of type 'model', not 'dataset'", "--type"),
    (6, "would-replace", "annotate digits:v0 --meta m=3", "'m' of digits:v0 is a group of 1", "--replace"),
    (6, "would-replace", "log two -a digits --meta m=3", "'m' of digits:v1 is a group of 1", "--replace"),
    (6, "unsupported-file", "log pipe -a digits", "it is a pipe", "leave it out"),
    (6, "not-a-folder", "init notes", "notes is not a folder", "choose another folder"),
    (6, "not-a-folder", "init notes/deep/er", "notes is not a folder", "choose another folder"),
    (6, "not-a-folder", "init claimed", "claimed/.mreg is not a folder", "choose another folder"),
    (6, "unsafe-destination", "get digits -o card.md", "card.md", "another destination"),
]


@pytest.fixture
def world(filled: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the commands of the table need in order to fail."""
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.delenv("VISUAL", raising=False)
    home: Path = filled.home
    (home / "notes").write_bytes(b"\xff\xfe")
    (home / "void").mkdir()
    (home / "claimed").mkdir()
    (home / "claimed" / ".mreg").write_bytes(b"")
    os.mkfifo(home / "pipe")
    (home / "third").write_text("3")
    filled.must("log", "third", "-a", "digits")
    filled.must("rm", "digits:v2")
    filled.must("gc", "--grace", "0")
    filled.must("alias", "set", "late", "digits:v1")
    filled.must("artifact", "create", "empty")
    filled.must("log", "third", "-a", "empty2")
    filled.must("log", "third", "-a", "torn")
    filled.must("log", "third", "-a", "before")
    filled.must("log", "two", "-a", "before")
    filled.must("artifact", "rename", "before", "after")
    filled.must("rm", "after:v1")
    filled.must("artifact", "create", "before")
    ref = home / ".mreg" / "artifacts" / "torn" / "v0"
    ref.chmod(0o644)
    ref.write_bytes(ref.read_bytes()[:-20])
    return filled


@pytest.mark.parametrize(
    ("exit_code", "code", "line", "sentence", "hint"), FAILURES, ids=[f"{row[0]} {row[2]}" for row in FAILURES]
)
def test_a_failed_command_says_what_happened_and_what_to_do(
    world: Any, unchanged: Unchanged, exit_code: int, code: str, line: str, sentence: str, hint: str
) -> None:
    with unchanged():
        for_people = world(*line.split(" "))
        for_scripts = world("--json", *line.split(" "))

    assert (for_people.code, for_people.out) == (exit_code, "")
    told, *hints = for_people.errors.splitlines()
    assert told.startswith("error: ")
    assert sentence in told
    assert hint in "\n".join(hints)
    assert len(hints) == bool(hints)
    assert not hints or hints[0].startswith("hint: ")

    assert (for_scripts.code, for_scripts.out) == (exit_code, "")
    error = for_scripts.error
    assert (error["code"], error["message"]) == (code, told.removeprefix("error: "))
    assert error["hint"] == (hints[0].removeprefix("hint: ") if hints else None)


def test_every_exit_code_of_the_table_is_tested() -> None:
    from mreg.cli.exit_codes import DONE, INTERRUPTED, MEANINGS, UNREAD

    assert MEANINGS.keys() - {DONE, INTERRUPTED, UNREAD} == {row[0] for row in FAILURES}


def test_the_exit_code_of_an_early_interrupt_is_that_of_the_table() -> None:
    from mreg import __main__
    from mreg.cli.exit_codes import INTERRUPTED

    assert __main__.INTERRUPTED == INTERRUPTED


def test_facts_of_a_failure_are_in_its_document(filled: Any) -> None:
    error = filled("alias", "set", "best", "digits:v1", "--expect", "v5", "--json").error

    assert {key: error[key] for key in ("name", "alias", "expected", "found")} == {
        "name": "digits",
        "alias": "best",
        "expected": "v5",
        "found": "v0",
    }


def test_usage_errors_are_documents_too_wherever_json_stands(mreg: Any) -> None:
    for line in (["--json", "log"], ["log", "--json"], ["log", "--nope", "--json"], ["--json", "nope"]):
        result = mreg(*line)
        assert (result.code, result.out) == (2, ""), line
        assert result.error["code"] in ("usage", "unknown-command")


def test_no_command_shows_the_commands(bare: Any) -> None:
    for line in ([], ["alias"]):
        result = bare(*line)
        assert result.code == 2
        assert result.out.startswith("mreg alias COMMAND\n" if line else "mreg: a model registry")
        assert result.errors == ""


def test_fsck_ends_with_5_and_names_the_damage(world: Any, unchanged: Unchanged) -> None:
    with unchanged():
        result, document = world("fsck"), world("--json", "fsck")

    assert (result.code, document.code) == (5, 5)
    assert result.out.split("\t")[1] == "artifacts/torn/v0"
    assert "damage found" in result.errors
    assert document.json["findings"][0]["hurts"] == ["torn:v0"]


SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)


def _heed_signals() -> None:
    """In the child: whoever started the tests may have them ignore some, as nohup does."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@SIGNALS
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["people", "json"])
def test_a_signal_ends_with_128_and_its_number_and_leaves_the_repository_as_it_was(
    mreg: Any, unchanged: Unchanged, wait_for: Any, options: list[str], number: signal.Signals
) -> None:
    with (mreg.home / "big.bin").open("wb") as file:
        file.truncate(40 << 30)  # a hole: costs nothing to have, and long to read
    tmp = mreg.home / ".mreg" / "tmp"

    with unchanged():
        process = mreg.start(*options, "log", "big.bin", "-a", "big", preexec_fn=_heed_signals)
        wait_for(lambda: _is_written_to(tmp))
        process.send_signal(number)
        out, errors = process.communicate(timeout=300)

    assert (process.returncode, out) == (128 + number, b"")
    assert b"interrupted" in errors
    assert b"Traceback" not in errors
    assert list(tmp.iterdir()) == [], "what was begun is thrown away"
    assert mreg("fsck", "--full").code == 0
    (mreg.home / "big.bin").write_bytes(b"small")
    assert mreg.must("log", "big.bin", "-a", "big") == "big:v0\n"


@SIGNALS
def test_a_signal_while_waiting_for_another_writer_ends_the_command(
    filled: Any, unchanged: Unchanged, wait_for: Any, number: signal.Signals
) -> None:
    import fcntl

    with (filled.home / ".mreg" / "lock").open("r+") as lock, unchanged():
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = filled.start("alias", "set", "best", "digits:v1", preexec_fn=_heed_signals)
        wait_for(lambda: str(filled.home / ".mreg" / "lock") in _open_files(process))
        process.send_signal(number)
        out, errors = process.communicate(timeout=300)

    assert (process.returncode, out) == (128 + number, b"")
    assert errors.startswith(b"error: interrupted\nhint: ")


def test_signals_that_follow_do_not_break_off_the_cleaning_up(mreg: Any, wait_for: Any) -> None:
    with (mreg.home / "big.bin").open("wb") as file:
        file.truncate(40 << 30)
    tmp = mreg.home / ".mreg" / "tmp"

    process = mreg.start("log", "big.bin", "-a", "big", preexec_fn=_heed_signals)
    wait_for(lambda: _is_written_to(tmp))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
    process.communicate(timeout=300)

    assert process.returncode in (128 + signal.SIGTERM, 128 + signal.SIGHUP)
    assert list(tmp.iterdir()) == []


def test_a_signal_that_is_ignored_stays_so(mreg: Any, wait_for: Any) -> None:
    """As by nohup."""
    import fcntl

    (mreg.home / "small.bin").write_bytes(b"small")
    mreg.must("log", "small.bin", "-a", "a")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with (mreg.home / ".mreg" / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = mreg.start("alias", "set", "best", "a:v0")
            wait_for(lambda: str(mreg.home / ".mreg" / "lock") in _open_files(process))
            process.send_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    process.communicate(timeout=300)

    assert process.returncode == 0
    assert mreg.must("resolve", "a:best") != ""


_STOPS_ITSELF = """
import os, signal, sys
name = sys.argv.pop(1)
def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith(name) and arguments[2] & os.O_CREAT:
        os.kill(os.getpid(), signal.SIGSTOP)
from mreg.__main__ import entry
sys.addaudithook(hook)
entry()
"""


@SIGNALS
def test_get_takes_back_what_it_began_when_it_is_told_to_end(mreg: Any, number: signal.Signals, tmp_path: Path) -> None:
    (mreg.home / "files").mkdir()
    for name in ("first.bin", "second.bin"):
        (mreg.home / "files" / name).write_bytes(name.encode() * 100_000)
    mreg.must("log", "files", "-a", "two")
    target = mreg.home / "out"
    line = [sys.executable, "-c", _STOPS_ITSELF, "second.bin", "get", "two", "-o", str(target / "two")]

    process = subprocess.Popen(line, cwd=mreg.home, preexec_fn=_heed_signals)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    begun = [*target.rglob(".two.mreg-*")]
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=300)

    assert os.WIFSTOPPED(status)
    assert begun != []
    assert process.returncode == 128 + number
    assert list(target.iterdir()) == []


_SIGNAL_AT = """
import os, sys
at, number = sys.argv.pop(1), int(sys.argv.pop(1))
class Finder:
    def find_spec(self, name, *_):
        if name == at:
            os.kill(os.getpid(), number)
import mreg
sys.modules.pop("signal", None)
sys.meta_path.insert(0, Finder())
from mreg.__main__ import entry
entry()
"""


@pytest.mark.parametrize(
    ("module", "number"),
    [
        ("signal", signal.SIGINT),  # the others do what the system does by default until it has been loaded
        *product(
            ("mreg.cli.streams", "mreg.cli.plain", "mreg.cli.commands.ls"),
            (signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
        ),
    ],
)
def test_a_signal_while_modules_are_loaded_ends_the_command(
    filled: Any, unchanged: Unchanged, module: str, number: signal.Signals
) -> None:

    with unchanged():
        done = subprocess.run(
            [sys.executable, "-c", _SIGNAL_AT, module, str(int(number)), "ls", "--limit", "9"],
            cwd=filled.home,
            capture_output=True,
            check=False,
            preexec_fn=_heed_signals,
        )

    assert (done.returncode, done.stdout) == (128 + number, b"")
    assert b"Traceback" not in done.stderr


_SIGNAL_IN_RUN = """
import functools, importlib, os, signal, sys, time, weakref
import mreg.__main__, mreg.cli.main
kill = functools.partial(os.kill, os.getpid(), int(sys.argv[2]))
class Thing: pass
def in_import(arguments):
    importlib._bootstrap._module_locks["victim"] = kill  # which is called while the lock of all imports is held
    import victim
def in_callback(arguments):
    for act in (kill, lambda: time.sleep(60)):  # where the interrupt is dropped, and dropped again
        thing = Thing()
        ref = weakref.ref(thing, lambda _: (act(), time.sleep(0)))
        del thing
def in_company(arguments):
    together = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, together)
    for number in {signal.SIGTERM, signal.SIGHUP, int(sys.argv[2])}:
        os.kill(os.getpid(), number)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, together)
    finally:
        cleaned = [str(number) for number in range(10)]
def run(arguments):
    globals()[sys.argv[1]](arguments)
    time.sleep(60)
    return 0
mreg.cli.main.run = run
mreg.__main__.entry()
"""


@SIGNALS
@pytest.mark.parametrize("place", ["in_import", "in_callback"])
def test_a_signal_where_an_exception_would_do_harm_or_be_lost_ends_the_command_just_after(
    tmp_path: Path, place: str, number: signal.Signals
) -> None:
    (tmp_path / "victim.py").write_text("open('loaded', 'w').close()")

    done = subprocess.run(
        [sys.executable, "-c", _SIGNAL_IN_RUN, place, str(int(number))],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        preexec_fn=_heed_signals,
    )

    assert (done.returncode, done.stdout, done.stderr) == (128 + number, b"", b"")
    assert (tmp_path / "loaded").exists() == (place == "in_import")


@SIGNALS
def test_signals_that_come_together_end_the_command_without_a_traceback(tmp_path: Path, number: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SIGNAL_IN_RUN, "in_company", str(int(number))],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        preexec_fn=_heed_signals,
    )

    assert done.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGHUP)
    assert (done.stdout, done.stderr) == (b"", b"")


_SIGNAL_AT_FOLDER = """
import os, sys
number = int(sys.argv.pop(1))
from mreg.__main__ import entry
make = os.mkdir
def mkdir(path, *given, **named):
    make(path, *given, **named)
    if ".mreg-" in str(path):
        os.kill(os.getpid(), number)
os.mkdir = mkdir
entry()
"""


@SIGNALS
@pytest.mark.parametrize("line", [["get", "digits", "-o"], ["export", "digits", "--hf"]], ids=["get", "export"])
def test_a_signal_as_soon_as_a_folder_is_made_leaves_none(
    filled: Any, tmp_path: Path, line: list[str], number: signal.Signals
) -> None:
    target = tmp_path / "target"
    target.mkdir()

    done = subprocess.run(
        [sys.executable, "-c", _SIGNAL_AT_FOLDER, str(int(number)), *line, str(target / "it")],
        cwd=filled.home,
        capture_output=True,
        check=False,
        preexec_fn=_heed_signals,
    )

    assert (done.returncode, done.stderr.splitlines()[:1]) == (128 + number, [b"error: interrupted"])
    assert list(target.iterdir()) == []


def test_an_interrupt_that_something_made_another_error_of_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """As Python 3.11 does while it makes a class."""
    try:
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()
    except RuntimeError as error:
        code = report(error, ["ls"], State())

    assert code == 130
    assert capsys.readouterr().err.startswith("error: interrupted\nhint: ")


_CTRL_C_BEFORE_ALL = """
import os, runpy, sys
script, at = sys.argv[1:3]
sys.argv = [script, "ls"]
class Finder:
    def find_spec(self, name, *_):
        if name == at:
            os.kill(os.getpid(), 2)
sys.meta_path.insert(0, Finder())
runpy.run_path(script, run_name="__main__")
"""


@pytest.mark.parametrize("module", ["mreg", "mreg.__main__"])
def test_ctrl_c_before_mreg_itself_is_loaded_ends_with_130(filled: Any, unchanged: Unchanged, module: str) -> None:
    script = Path(__file__).parents[2] / "mreg" / "cli" / "launcher"

    with unchanged():
        done = subprocess.run(
            [sys.executable, "-c", _CTRL_C_BEFORE_ALL, script, module],
            cwd=filled.home,
            capture_output=True,
            check=False,
            preexec_fn=_heed_signals,
        )

    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_lock_that_is_held_for_too_long_is_a_conflict_that_names_the_holder(
    filled: Any, unchanged: Unchanged
) -> None:
    import fcntl

    filled.must("config", "set", "lock.timeout", "0.2s")
    with (filled.home / ".mreg" / "lock").open("r+") as lock, unchanged():
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = filled("alias", "set", "best", "digits:v1")
        reading = filled("resolve", "digits:best")

    assert (result.code, result.out) == (4, "")
    assert result.errors.startswith("error: ")
    assert "hint: repeat the command" in result.errors
    assert (reading.code, reading.out) == (0, "digits:v0\n"), "readers take no lock"


def test_no_traceback_without_debug_and_one_with_it(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    line = ("resolve", "nope")

    plain, debug = filled.process(*line), filled.process(*line, env={**os.environ, "MREG_DEBUG": "1"})

    assert "Traceback" not in plain.errors
    assert "Traceback" in debug.errors
    assert (plain.code, debug.code) == (3, 3)


def test_an_unexpected_error_is_told_without_a_traceback(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mreg import Repository

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(Repository, "resolve", broken)

    assert filled("resolve", "digits") == (
        1,
        "",
        "error: an unexpected error: ZeroDivisionError: oops\n"
        "hint: this is a bug in mreg; run the command with MREG_DEBUG=1 for the details\n",
    )


# Streams that go away or cannot be written.


@pytest.mark.parametrize("line", ["ls", "history", "--json ls", "cat digits weights.bin", "--help"])
def test_a_reader_that_goes_away_is_no_error(filled: Any, line: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = filled.process(*line.split(), stdout=writing)
    finally:
        os.close(writing)

    assert (result.code, result.errors) == (141, ""), "as `git log | head` ends, and silently"


def test_a_reader_that_goes_away_in_the_middle_is_no_error(mreg: Any) -> None:
    (mreg.home / "big.bin").write_bytes(os.urandom(1 << 21))
    mreg.must("log", "big.bin", "-a", "big")

    with mreg.start("cat", "big", "big.bin") as process:
        process.stdout.read(10)
        process.stdout.close()
        errors = process.stderr.read()

    assert (process.returncode, errors) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("line", ["ls", "--json ls", "use digits", "cat digits weights.bin", "--version", "--help"])
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_output_that_cannot_be_written_is_an_error(filled: Any, line: str, unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        result = filled.process(*line.split(), stdout=full, env=environment)

    assert result.code == 1
    assert "standard output cannot be written: No space left on device" in result.errors
    assert "Traceback" not in result.errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "line",
    [
        *("ls", "alias ls", "card Classifier", "log one -a digits --dry-run", "--version", "help"),
        "bundle create - digits:v1",
    ],
)
def test_a_command_that_only_reads_is_not_said_to_have_changed_something(filled: Any, line: str) -> None:
    with open("/dev/full", "wb") as full:
        result = filled.process(*line.split(), stdout=full)

    assert result.code == 1
    assert "nothing was changed; repeat the command" in result.errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_change_that_cannot_be_told_is_not_said_to_be_none(filled: Any, unbuffered: str) -> None:
    with open("/dev/full", "wb") as full:
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        result = filled.process("--json", "alias", "set", "best", "digits:v1", stdout=full, env=environment)

    assert (result.code, result.error["code"]) == (1, "output-failed")
    assert "made its change before printing" in result.error["hint"]
    assert filled("resolve", "digits:best") == (0, "digits:v1\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("line", "code", "out"),
    [
        ("alias rm best digits", 0, ""),
        ("alias set best digits:v1", 0, "digits:v1\n"),
        ("log third -a new", 0, "new:v0\n"),
        ("-v resolve digits", 0, "digits:v1\n"),
        ("fsck", 0, ""),
        ("resolve nope", 3, ""),
        ("log nowhere -a new", 3, ""),
    ],
)
def test_notes_that_cannot_be_written_are_dropped(filled: Any, line: str, code: int, out: str, unbuffered: str) -> None:
    (filled.home / "third").write_text("3")
    with open("/dev/full", "wb") as full:
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        result = filled.process(*line.split(), stderr=full, env=environment)

    assert result == (code, out, "")


def test_closed_streams_do_no_harm(filled: Any) -> None:
    def run(line: str) -> subprocess.CompletedProcess[bytes]:
        script = f'"$@" {line}'
        return subprocess.run(
            ["sh", "-c", script, "sh", *filled.line()], cwd=filled.home, capture_output=True, check=False
        )

    unheard = run("ls >&-")
    assert (unheard.returncode, unheard.stderr.splitlines()[0]) == (
        1,
        b"error: standard output cannot be written: Bad file descriptor",
    )
    assert run("resolve nope 2>&-").returncode == 3
    assert run("card Classifier --file - <&-").returncode == 1
    assert run("log two -a other >&- 2>&- <&-").returncode == 1  # it could not say which version it made
    assert filled("resolve", "other").out == "other:v0\n"
    assert filled("fsck", "--full").code == 0


def _is_written_to(folder: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):  # a short-lived one of them is gone again
        return any(path.stat().st_size for path in folder.iterdir())
    return False


def _open_files(process: subprocess.Popen[bytes]) -> list[str]:
    folder = f"/proc/{process.pid}/fd"
    found = []
    for name in os.listdir(folder):
        try:
            found.append(os.readlink(f"{folder}/{name}"))
        except OSError:
            pass
    return found
