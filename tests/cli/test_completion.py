"""What `mreg __complete` answers to a shell, and what `mreg completion` prints and installs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mreg.cli.completion import answer, data, sources
from mreg.cli.completion.line import Line
from mreg.cli.help.topics import NAMES
from mreg.repository import Repository

ROOT = Path(__file__).parents[2]
SHELLS = ("bash", "zsh", "fish")

Complete = Callable[..., list[str]]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a repository."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "weights.bin").write_bytes(b"weights")
    with Repository.init(work, author="ann") as repo:
        repo.log(work / "weights.bin", "digits", aliases=["best"], links=["zoo"], metadata={"metrics": {"acc": 0.9}})
        repo.log(ROOT / "README.md", "digits", metadata={"params": {"arch": "vit"}}, aliases=["candidate"])
        repo.add_tags("zoo", ["vision", "on device"])
        repo.use("digits:v0", run="run-7")
    monkeypatch.chdir(work)
    monkeypatch.delenv("MREG_REPO", raising=False)
    return work


@pytest.fixture
def complete(work: Path) -> Complete:
    """The values that may stand at the cursor behind this text."""
    return lambda text, *breaks: [line.partition("\t")[0] for line in answer.answer(text, *breaks)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mreg al", ["alias"]),
        ("m al", ["alias"]),
        ("mreg alias ", ["set", "rm", "rollback", "ls"]),
        ("mreg show ", ["digits", "zoo"]),
        ("mreg show d", ["digits", "digits:"]),
        ("mreg show digits:", ["digits:best", "digits:candidate", "digits:latest", "digits:v1", "digits:v0"]),
        ("mreg show zoo:", ["zoo:latest", "zoo:v0"]),
        ("mreg show digits:@", []),
        ("mreg show nothing:", []),
        ("mreg show digits x", []),
        ("mreg link ", ["digits", "zoo"]),
        ("mreg link digits ", ["zoo"]),
        ("mreg unlink zoo:", ["zoo:v0"]),
        ("mreg log weights.bin -a ", ["digits"]),
        ("mreg log weights.bin -ad --link ", ["zoo", "zoo:"]),
        ("mreg log weights.bin --artifact=d", ["--artifact=digits"]),
        ("mreg log weights.bin --alias ", ["best", "candidate"]),
        ("mreg alias set ", ["best", "candidate"]),
        ("mreg alias set best digits --expect ", ["none"]),
        ("mreg tag add zoo ", ["on device", "vision"]),
        ("mreg tag rm zoo o", ["on device"]),
        ("mreg tag rm zoo vision o", ["on device"]),
        ("mreg search --tag v", ["vision"]),
        ("mreg ls digits --columns ", ["metrics.acc", "params.arch"]),
        ("mreg ls digits --columns metrics.acc,p", ["metrics.acc,params.arch"]),
        ("mreg ls digits --sort -m", ["-metrics.acc"]),
        ("mreg ls --columns ", ["params.arch"]),
        ("mreg annotate digits:v0 --meta m", ["metrics.acc="]),
        ("mreg config get gc.g", ["gc.grace"]),
        ("mreg use digits --run ", ["run-7"]),
        ("mreg cat digits:v0 ", ["weights.bin"]),
        ("mreg cat digits:candidate ", ["README.md"]),
        ("mreg completion ", ["bash", "zsh", "fish"]),
        ("mreg diff digits:v0 digits:b", ["digits:best"]),
        ("mreg diff digits:v0 ./w", [""]),
        ("mreg diff ../", [""]),
        ("mreg help ref", ["references"]),
        ("mreg help fi", ["filters", "files"]),
        ("mreg get digits -o ", [""]),
        ("mreg log ", [""]),
        ("mreg ls > ", [""]),
        ("mreg ls 2> x show d", ["digits"]),
        ("mreg show -- d", ["digits", "digits:"]),
        ("mreg show -- -", []),
        ("mreg resolve digits --js", ["--json"]),
        ("mreg --no", ["--no-color"]),
        ("mreg nothing ", []),
        ("mreg alias nothing ", []),
        ("mreg log x -m ", []),
        ("", []),
        ("mre", []),
        ("cd x; mreg show d", ["digits", "digits:"]),
        ("cd x && MREG_AUTHOR=ann sudo mreg show d", ["digits", "digits:"]),
        ("echo $(mreg show d", ["digits", "digits:"]),
        ("mreg show 'd", ["digits", "digits:"]),
        ('mreg show "digits:b', ["digits:best"]),
        ("mreg sh\\ow d", ["digits", "digits:"]),
        ("mreg show d\\i", ["digits", "digits:"]),
    ],
)
def test_what_may_stand_at_the_cursor(complete: Complete, text: str, expected: list[str]) -> None:
    assert complete(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mreg show digits:b", ["best"]),
        ("mreg show 'digits:b", ["digits:best"]),
        ('mreg show di"gits:b', ["gits:best"]),
        ('mreg show "digits":b', ["best"]),
        ("mreg show digits\\:b", ["digits:best"]),
        ("mreg log x --artifact=d", ["digits"]),
        ("mreg tag rm zoo on", ["on\\ device"]),
        ("mreg tag rm zoo on\\ d", ["on\\ device"]),
        ("mreg tag rm zoo 'on d", ["on device"]),
        ("mreg log ", ["\tfiles"]),
    ],
)
def test_bash_gets_what_it_puts_in_the_place_of_its_own_word(work: Path, text: str, expected: list[str]) -> None:
    answered = list(answer.answer(text, " \t\n\"'><=;|&(:"))

    assert answered == expected


def test_candidates_say_what_they_are(work: Path) -> None:
    assert list(answer.answer("mreg show d")) == ["digits\tartifact", "digits:\tone of its versions"]
    assert list(answer.answer("mreg show digits:b")) == ["digits:best\tv0"]
    assert list(answer.answer("mreg alias s")) == ["set\tMove an alias to a version."]


@pytest.mark.parametrize("where", ["-C {}", "-C{}", "--repo {}", "--repo={}/.mreg", "-q --json -C '{}'"])
@pytest.mark.parametrize("place", ["before", "behind"])
def test_the_repository_that_is_chosen_is_looked_at(
    complete: Complete, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, place: str
) -> None:
    other = tmp_path / "another place"
    with Repository.init(other) as repo:
        repo.log(work / "weights.bin", "faces")
    chosen = where.format(str(other) if "'" in where else str(other).replace(" ", "\\ "))

    found = complete(f"mreg {chosen} show " if place == "before" else f"mreg show {chosen} ")

    assert found == ["faces", "faces:"]


@pytest.mark.parametrize("where", ["-C ~/deep", "--repo $HOME", "--repo ${HOME}/deep/.."])
def test_a_path_is_expanded_as_the_shell_does(
    complete: Complete, work: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (work / "deep").mkdir()
    monkeypatch.setenv("HOME", str(work))
    monkeypatch.chdir("/")

    assert complete(f"mreg {where} show d") == ["digits", "digits:"]


@pytest.mark.parametrize("text", ["MREG_REPO={} mreg show ", "mreg show "])
def test_the_repository_of_the_environment_is_looked_at(
    complete: Complete, work: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir("/")
    if "{}" not in text:
        monkeypatch.setenv("MREG_REPO", str(work))

    assert complete(text.format(work)) == ["digits", "zoo"]


def test_remotes_of_the_repository_and_of_the_person_are_offered(
    complete: Complete, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with Repository.open(work) as repo:
        repo.add_remote("team", "s3://models/all")
        repo.add_remote("home", "/srv/home", user=True)

    assert complete("mreg push ") == complete("mreg pull ") == ["home", "team"]
    assert complete("mreg push t") == complete("mreg remote rm t") == complete("mreg remote set t") == ["team"]
    assert complete("mreg push team d") == ["digits", "digits:"]
    assert complete("mreg push ./") == [""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mreg use team/", ["team/mnist", "team/mnist:"]),
        ("mreg use te", ["team/mnist", "team/mnist:"]),
        ("mreg use team/mnist:", ["team/mnist:best", "team/mnist:latest", "team/mnist:v0"]),
        ("mreg pull team/mnist:b", ["team/mnist:best"]),
        ("mreg ls team/", ["team/mnist"]),
        ("mreg use far/", []),
        ("mreg use lost/", []),
        ("mreg use team/team/", []),
        ("mreg use ", ["digits", "zoo"]),
    ],
)
def test_names_in_a_remote_that_is_a_folder_are_offered(
    complete: Complete, work: Path, text: str, expected: list[str]
) -> None:
    with Repository.init(work / "theirs") as repo:
        repo.log(work / "weights.bin", "mnist", aliases=["best"])
        repo.add_remote("team", str(work / "theirs"))
    with Repository.open(work) as repo:
        repo.add_remote("team", str(work / "theirs"))
        repo.add_remote("lost", str(work / "nowhere"))
        repo.add_remote("far", "s3://bucket/models")

    found = complete(text)

    assert found == expected


def test_what_was_deleted_is_not_offered(complete: Complete) -> None:
    with Repository.open(".") as repo:
        repo.remove_alias("best", "digits")
        repo.remove("digits:v1", force=True)
        repo.remove_model("zoo", force=True)

    assert complete("mreg show digits:") == ["digits:latest", "digits:v0"]
    assert complete("mreg show zoo:") == []
    assert complete("mreg show ") == ["digits", "digits:"]


def test_metadata_of_annotations_is_offered(complete: Complete) -> None:
    with Repository.open(".") as repo:
        repo.annotate("digits:v0", metadata={"metrics": {"f1": 1}})

    assert complete("mreg ls digits --columns metrics.") == ["metrics.acc", "metrics.f1"]


def test_no_more_is_read_than_is_offered(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3000):
        shutil.copytree(work / ".mreg" / "artifacts" / "digits", work / ".mreg" / "artifacts" / f"net{number:04}")
    listed, opened = [], []
    monkeypatch.setattr(os, "listdir", _told(os.listdir, listed))
    monkeypatch.setattr(os, "open", _told(os.open, opened))

    found = list(answer.answer("mreg show net"))

    assert len(found) == answer.LIMIT
    assert len(listed) == 1 and len(opened) == answer.LIMIT


def _told(call: Any, calls: list[Any]) -> Any:
    def told(*arguments: Any) -> Any:
        calls.append(arguments)
        return call(*arguments)

    return told


def test_an_answer_loads_neither_parser_nor_facade(work: Path) -> None:
    program = (
        "import os, sys; os._exit = lambda _: print(*sys.modules); sys.argv = ['mreg', '__complete', 'mreg show d']"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; import mreg.__main__", "__complete", "mreg show d"],
        capture_output=True,
        text=True,
        check=True,
    )

    *answered, modules = done.stdout.splitlines()
    loaded = set(modules.split())
    assert answered == ["digits\tartifact", "digits:\tone of its versions"]
    assert not loaded & {
        "typer",
        "click",
        "rich",
        "json",
        "tomllib",
        "sqlite3",
        "enum",
        "re",
        "typing",
        "mreg.repository",
    }
    assert {name for name in loaded if name.startswith("mreg.")} <= {
        "mreg.__main__",
        "mreg.cli",
        "mreg.cli.completion",
        "mreg.cli.completion.answer",
        "mreg.cli.completion.data",
        "mreg.cli.completion.line",
        "mreg.cli.completion.sources",
        "mreg.lazy",
        "mreg.session",
        "mreg.session.glance",
        "mreg.session.nearest",
    }


def test_nothing_is_written(complete: Complete, work: Path, tree: Callable[[str], dict[str, bytes]]) -> None:
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}

    for text in ("mreg show ", "mreg show digits:", "mreg ls --columns ", "mreg cat digits ", "mreg tag rm zoo "):
        complete(text)

    assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == before


def _no_repository(folder: Path) -> None:
    shutil.rmtree(folder)


def _no_folders(folder: Path) -> None:
    for path in list(folder.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.write_bytes(b"\0\xff")


def _strange_files(folder: Path) -> None:
    """Pipes, which nobody writes to, and bytes, in the place of all files."""
    for number, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        path.unlink()
        if number % 2:
            os.mkfifo(path)
        else:
            path.write_bytes(b"\0\xff{[]}\n# mreg seq=1 check=0\n" * 9)


def _strange_records(folder: Path) -> None:
    for path in (path for path in (folder / "objects").rglob("*") if path.is_file()):
        path.chmod(0o644)
        path.write_bytes(b'[{"metadata": 7, "manifest": []}]')


def _deep_nesting(folder: Path) -> None:
    for path in (path for path in folder.rglob("*") if path.is_file()):
        path.chmod(0o644)
        path.write_bytes(
            b"[" * 50_000 if "objects" in path.parts else b"a = %b\n# mreg seq=1 check=0\n" % (b"[" * 50_000)
        )


def _strange_names(folder: Path) -> None:
    for name in (b"di\xff", b"di\x1b[31m", b"di\ttab", b"di\nline", "di\u202egits".encode()):
        shutil.copytree(os.fsencode(folder / "artifacts" / "digits"), os.fsencode(folder / "artifacts") + b"/" + name)
    shutil.rmtree(folder / "artifacts" / "digits")


@pytest.mark.parametrize(
    "damage", [_no_repository, _no_folders, _strange_files, _strange_records, _deep_nesting, _strange_names]
)
@pytest.mark.parametrize(
    "text",
    [
        "show di",
        "show digits:b",
        "ls --columns met",
        "ls digits --sort met",
        "cat digits w",
        "tag rm zoo v",
        "use --run q",
    ],
)
def test_a_damaged_repository_is_met_with_silence(work: Path, damage: Callable[[Path], None], text: str) -> None:
    damage(work / ".mreg")

    done = subprocess.run([sys.executable, "-m", "mreg", "__complete", f"mreg {text}"], capture_output=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, b"")
    assert all(
        line.count(b"\t") == 1 and line.decode().replace("\t", "").isprintable() for line in done.stdout.splitlines()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("",),
        ("mreg show \udcff",),
        ("mreg -C /nowhere show ",),
        ("mreg --repo '\0' show ",),
        ("mreg show d", "", "x"),
    ],
)
def test_whatever_is_asked_there_is_no_error(work: Path, capfd: pytest.CaptureFixture[str], arguments: Any) -> None:
    answer.main(list(arguments))

    assert capfd.readouterr() == ("", "")


_AS_NOBODY = """
import os, sys
from mreg.cli.completion import answer
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
answer.main(sys.argv[1:])
"""


def test_the_repository_of_somebody_else_is_read(public_home: Path, work: Path) -> None:
    shutil.copytree(work / ".mreg", public_home / ".mreg")

    done = subprocess.run([sys.executable, "-c", _AS_NOBODY, "mreg show di"], cwd=public_home, capture_output=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"digits\tartifact\ndigits:\tone of its versions\n", b"")


def test_any_line_can_be_taken_apart() -> None:
    for text in ("'", '"', "\\", "a 'b\\", '"\\\n', "<", "a>&", "((", "&&;|", "a=b", " = ", "\n\n", '"$(`', "'" * 99):
        line = Line(text)
        assert line.last.kept(" :'\"") <= len(line.last.text)


def test_the_data_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate_completion", ROOT / "docs" / "generate_completion.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert Path(data.__file__).read_text(encoding="utf-8") == module.text(), "run `make docs`"


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "BASH_COMPLETION_USER_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "account"))
    return tmp_path / "account"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed(bare: Any, shell: str) -> None:
    printed = bare("completion", shell)

    assert printed.code == 0 and printed.errors == ""
    assert "mreg __complete" in printed.out
    assert bare("completion", shell, "--json").json == {"shell": shell, "script": printed.out}


@pytest.mark.parametrize(
    ("shell", "place", "note"),
    [
        (
            "bash",
            ".local/share/bash-completion/completions/mreg",
            "active in new shells if bash-completion is installed",
        ),
        ("zsh", ".local/share/zsh/site-functions/_mreg", "add this to ~/.zshrc, before compinit: fpath=("),
        ("fish", ".config/fish/completions/mreg.fish", "active in new shells"),
    ],
)
def test_the_script_is_installed_and_installed_again(
    bare: Any, account: Path, shell: str, place: str, note: str
) -> None:
    for _ in range(2):
        result = bare("completion", shell, "--install")

        assert (result.code, result.out) == (0, f"{account / place}\n")
        assert note in result.errors
        assert (account / place).read_text() == bare("completion", shell).out
    assert [path for path in account.rglob("*") if path.is_file()] == [account / place]


def test_what_a_killed_installation_left_goes_with_the_next_one(bare: Any, account: Path) -> None:
    folder = account / ".config" / "fish" / "completions"
    script = "from mreg.storage.temporary import *; print(temporary_name(prefix_beside('mreg.fish')))"
    left = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    folder.mkdir(parents=True)
    (folder / left.stdout.strip()).write_text("half a scr")

    bare.must("completion", "fish", "--install")

    assert os.listdir(folder) == ["mreg.fish"]


def test_a_script_that_somebody_else_wrote_is_kept(bare: Any, account: Path) -> None:
    theirs = account / ".config" / "fish" / "completions" / "mreg.fish"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("# mine\n")

    result = bare("completion", "fish", "--install")

    assert (result.code, result.out) == (6, "")
    assert result.errors.startswith(f"error: {theirs} exists already, and was not written by mreg\nhint: ")
    assert theirs.read_text() == "# mine\n"


@pytest.mark.parametrize("what", ["pipe", "/dev/zero", "folder"])
def test_what_is_no_script_is_kept(bare: Any, account: Path, what: str) -> None:
    theirs = account / ".config" / "fish" / "completions" / "mreg.fish"
    theirs.parent.mkdir(parents=True)
    os.mkfifo(account / "pipe")
    (account / "folder").mkdir()
    theirs.symlink_to(account / what)

    result = bare("completion", "fish", "--install", "--json")

    assert (result.code, result.error["code"]) == (6, "foreign-script")
    assert theirs.is_symlink()


def test_an_unknown_shell_is_refused(bare: Any) -> None:
    result = bare("completion", "tcsh")

    assert (result.code, result.out) == (2, "")
    assert result.errors == "error: there is no completion for the shell 'tcsh'\nhint: write bash, zsh or fish\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_no_script_evaluates_what_is_typed(bare: Any, shell: str) -> None:
    code = re.sub("#.*", "", bare.must("completion", shell))

    assert not re.search(r"\b(eval|mapfile|readarray|declare -A)\b", code)  # the last three: not in bash 3.2


def test_the_script_for_bash_is_clean(bare: Any, tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("there is no shellcheck: run `make shells`")
    script = tmp_path / "mreg.bash"
    script.write_text(bare.must("completion", "bash"))

    checked = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)

    assert checked.stdout == ""


def test_the_topics_are_those_of_help() -> None:
    assert list(sources.TOPICS) == NAMES
