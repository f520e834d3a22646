"""Files that a user or a repository names and that mreg reads whole: they may be anything, of any length."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mreg.intake.scan import IGNORE_FILE


@pytest.mark.parametrize("command", ["card Classifier --file {}", "log one -a other --meta-file {}"])
@pytest.mark.parametrize("what", ["long", "bytes"])
def test_a_named_file_that_is_too_long_or_no_text_is_refused_as_what_it_was_to_be(
    filled: Any, command: str, what: str
) -> None:
    os.close(os.open(filled.home / "long", os.O_CREAT))
    os.truncate(filled.home / "long", 2 << 30)
    (filled.home / "bytes").write_bytes(b'{"a": "\xff"}')

    result = filled(*command.format(what).split(), "--json")

    code = "invalid-card" if command.startswith("card") else "invalid-metadata"
    assert (result.code, result.error["code"]) == (2, code)


@pytest.mark.parametrize("command", ["card Classifier --file {}", "log one -a other --meta-file {}"])
@pytest.mark.parametrize("what", ["pipe", "folder", "/dev/zero"])
def test_what_is_no_file_cannot_be_read(filled: Any, command: str, what: str) -> None:
    os.mkfifo(filled.home / "pipe")
    (filled.home / "folder").mkdir()

    result = filled(*command.format(what).split(), "--json")

    assert (result.code, result.error["code"], result.error["path"]) == (1, "unreadable-file", what)


@pytest.mark.parametrize("command", ["card Classifier --file {}", "log one -a other --meta-file {}"])
def test_a_file_that_is_named_as_a_folder_is_not_found(filled: Any, command: str) -> None:
    (filled.home / "file").write_bytes(b"{}")

    result = filled(*command.format("file/").split(), "--json")

    assert (result.code, result.error["code"], result.error["path"]) == (3, "missing-path", "file/")


def test_a_pipe_that_a_shell_makes_is_read(filled: Any) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"# From a command\n")
    os.close(writing)

    result = filled("card", "Classifier", "--file", f"/dev/fd/{reading}")

    os.close(reading)
    assert result.code == 0
    assert filled("card", "Classifier").out == "# From a command\n"


@pytest.mark.parametrize("what", ["pipe", "/dev/zero"])
@pytest.mark.parametrize("place", ["report.html", "pages/index.html"])
def test_a_page_is_not_written_over_what_cannot_be_a_page(filled: Any, place: str, what: str) -> None:
    os.mkfifo(filled.home / "pipe")
    (filled.home / "pages").mkdir()
    os.symlink(what if what.startswith("/") else filled.home / what, filled.home / place)

    result = filled("html", place.partition("/")[0], "--json")

    assert (result.code, result.error["code"]) == (6, "not-a-report")


@pytest.mark.parametrize("what", ["pipe", "/dev/zero"])
def test_nobody_waits_for_a_pipe_in_place_of_another_repository(filled: Any, what: str) -> None:
    os.mkfifo(filled.home / "pipe")

    for command in (f"push {what} one:v0", f"pull {what}"):
        result = filled(*command.split(), "--json")

        assert (result.code, result.error["code"]) == (3, "no-repository")


@pytest.mark.parametrize("what", ["pipe", "/dev/zero", "long", "bytes"])
def test_an_ignore_file_that_is_none_is_told(filled: Any, what: str) -> None:
    os.mkfifo(filled.home / "pipe")
    (filled.home / "long").write_bytes(b"a\n" * (600 << 10))
    (filled.home / "bytes").write_bytes(b"\xff")
    os.symlink(what if what.startswith("/") else f"../{what}", filled.home / "one" / IGNORE_FILE)

    result = filled("log", "one", "-a", "other", "--json")

    assert (result.code, result.error["code"]) == (1, "unreadable-file")
    assert result.error["path"] == os.path.join("one", IGNORE_FILE)


@pytest.mark.parametrize("lines", [b"a\n" * 10_001, b"!\n", b"a\\\n"], ids=["many", "nothing", "backslash"])
def test_the_ignore_file_whose_pattern_is_wrong_is_named(filled: Any, lines: bytes) -> None:
    (filled.home / "one" / IGNORE_FILE).write_bytes(lines)

    result = filled("log", "one", "-a", "other", "--json")

    assert (result.code, result.error["code"]) == (2, "invalid-pattern")
    assert os.path.join("one", IGNORE_FILE) in result.error["message"]


@pytest.mark.parametrize("what", ["pipe", "/dev/zero", "folder", "long", "dots"])
def test_settings_of_a_user_that_are_none_are_told(filled: Any, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    os.mkfifo(filled.home / "pipe")
    (filled.home / "long").write_bytes(b"#" * (2 << 20))
    (filled.home / "dots").write_bytes(b"a." * 2000 + b"a = 1")
    (filled.home / "folder").mkdir()
    (filled.home / "config" / "mreg").mkdir(parents=True)
    os.symlink(what if what.startswith("/") else f"../../{what}", filled.home / "config" / "mreg" / "config.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(filled.home / "config"))

    result = filled("config", "set", "--user", "safe.directory", "*", "--json")

    assert (result.code, result.error["code"]) == (5, "damaged-user-config")
    assert result.error["path"] == str(filled.home / "config" / "mreg" / "config.toml")


def test_an_account_whose_home_is_no_folder_has_no_settings(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    result = filled("config", "ls", "--user", "--json")

    assert result.code == 0


COMMANDS = """
log model -a digits --alias best --link Classifier --meta-file meta.json -m first
ls
show digits
show Classifier
files digits
cat digits weights.bin
resolve digits:best
use digits
use digits --run r1
get digits
get digits -o {home}/out
card Classifier --file card.md
card Classifier
annotate digits -m more
alias ls digits
log model/weights.bin -a other
diff digits:v0 other:v0
search weights
history
du
gc
gc --repack
fsck --full
fsck --repair --from {home}/.mreg
config ls
config set log.compress false
config set --user safe.directory {home}
config ls --user
undo 6
init
remote add here {home}
remote ls
ls here/
resolve here/digits
clone {home} {home}/clone
--repo {home}/clone pull origin/digits:v0
--repo {home}/clone push {home} digits:v0
mirror {home}/mirror
bundle create {home}/digits.bundle digits:v0
pull {home}/digits.bundle
html {home}/pages
html {home}/page.html
export digits:v0 --folder {home}/exported
export digits:v0 --oci {home}/layout
export digits:v0 --hf {home}/hub
import --oci {home}/layout --artifact imported
import {home}/runs --artifact runs
metrics digits loss --svg {home}/loss.svg
lineage digits
link digits:v0 Classifier
tag add Classifier vision
tag ls
artifact rename other others
alias set best others:v0
log card.md -a others --alias best --input-file {home}/meta.json --input-file {home}/runs
alias rollback best others
search --path {home}/model
cache ls
cache prune
completion bash --install
remote rm here
--repo {home} ls
--repo {home}/.mreg ls
"""


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "JSON"])
def test_every_command_works_below_a_folder_whose_name_is_not_utf8(
    mreg: Any, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    home = mreg.home / os.fsdecode(b"caf\xe9")
    (home / "model").mkdir(parents=True)
    (home / "model" / "weights.bin").write_bytes(b"weights")
    (home / "card.md").write_text("# Classifier\n")
    (home / "meta.json").write_text('{"metrics": {"loss": 0.5}}')
    (home / "runs" / "checkpoint-1").mkdir(parents=True)
    (home / "runs" / "checkpoint-1" / "weights.bin").write_bytes(b"of a run")
    for variable, below in {"HOME": "", "XDG_CONFIG_HOME": "config", "MREG_CACHE": "cache"}.items():
        monkeypatch.setenv(variable, str(home / below))
    there = type(mreg)(home)
    there.must("init")

    for line in COMMANDS.strip().splitlines():
        result = there(*form, *(word.format(home=home) for word in line.split()))
        assert result.code == 0, (line, result)

    assert os.fsdecode(there("use", "digits").out).startswith(str(home))
    assert (home / "out" / "weights.bin").read_bytes() == b"weights"
    monkeypatch.setenv("MREG_CACHE", str(mreg.home / "cache"))
    assert there("--repo", str(home), "ls").code == 0


@pytest.fixture
def deep(filled: Any) -> Iterator[str]:
    """Below more missing folders than Python nests calls."""
    yield f"{filled.home}/" + "x/" * 1100 + "place"
    subprocess.run(["rm", "-rf", filled.home / "x"], check=True)  # shutil.rmtree nests calls


@pytest.mark.parametrize(
    "line",
    [
        "get digits -o {deep}",
        "html {deep}",
        "init {deep}",
        "clone . {deep}",
        "mirror {deep}",
        "export digits --folder {deep}",
        "export digits --oci {deep}",
    ],
)
def test_a_destination_lies_as_deep_as_one_likes(filled: Any, deep: str, line: str) -> None:
    assert filled(*line.format(deep=deep).split(" ")).code == 0
    assert os.path.isdir(deep)


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        ("MREG_CACHE", "use digits"),
        ("HOME", "log one -a new"),
        ("XDG_CONFIG_HOME", "config set --user safe.directory /srv"),
        ("XDG_DATA_HOME", "completion bash --install"),
    ],
)
def test_folders_that_variables_name_lie_as_deep_as_one_likes(
    filled: Any, deep: str, monkeypatch: pytest.MonkeyPatch, variable: str, line: str
) -> None:
    monkeypatch.setenv(variable, deep)

    assert filled(*line.split(" ")).code == 0


def test_an_input_below_a_folder_whose_name_is_not_utf8_is_recorded_by_its_url(filled: Any) -> None:
    folder = os.fsdecode(b"caf\xe9")
    (filled.home / folder).mkdir()
    (filled.home / folder / "data.csv").write_text("1")

    filled.must("log", "one", "-a", "new", "--input-file", f"{folder}/data.csv")

    [source] = filled("show", "new:v0", "--json").json["sources"]
    assert source["name"] == f"file://{filled.home}/caf%E9/data.csv"


LOCALES = ["C", "latin-1"]


@pytest.fixture(scope="session")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> str | None:
    """A folder with a locale of this encoding, where one can be made."""
    folder = tmp_path_factory.mktemp("locales")
    made = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US.ISO-8859-1")]
    if shutil.which("localedef"):
        subprocess.run(made, capture_output=True, check=False)
    return str(folder) if any(folder.iterdir()) else None


@pytest.fixture(params=LOCALES)
def other_locale(request: pytest.FixtureRequest, latin1: str | None) -> dict[str, str]:
    """Variables of a locale that is not UTF-8."""
    fixed = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    if request.param == "C":
        return fixed | {"LC_ALL": "C"}
    if latin1 is None:
        pytest.skip("localedef cannot make a locale")
    return fixed | {"LC_ALL": "en_US.ISO-8859-1", "LOCPATH": latin1}


def test_names_keep_their_bytes_whatever_the_locale(mreg: Any, other_locale: dict[str, str]) -> None:
    names = ["\u00fc.bin", "\u65e5/\u672c.bin"]
    for name in names:
        (mreg.home / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (mreg.home / "model" / name).write_bytes(name.encode())
    (mreg.home / "model" / ".mregignore").write_text("\u00e4*\n", encoding="utf-8")
    (mreg.home / "model" / "\u00e4").write_bytes(b"")

    def there(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mreg", *command],
            cwd=mreg.home,
            env=os.environ | other_locale,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done
        return os.fsdecode(done.stdout)

    mreg.must("init")
    there("log", "model", "-a", "digits")
    there("log", "model/\u00fc.bin", "-a", "one")
    there("log", "model", "-a", "without", "--exclude", "\u00fc.bin")
    there("log", "model", "-a", "only", "--include", "\u65e5/")
    there("get", "digits", "-o", "less", "--exclude", "\u65e5")
    used = there("use", "digits").rstrip("\n")
    there("get", "digits", "-o", "out")
    there("get", "digits", "-o", "out")

    assert [file["path"] for file in mreg("files", "digits", "--json").json["files"]] == names
    assert mreg("files", "one", "--json").json["files"][0]["path"] == names[0]
    for chosen in ("without", "only"):
        assert [file["path"] for file in mreg("files", chosen, "--json").json["files"]] == names[1:]
    assert os.listdir(mreg.home / "less") == names[:1]
    assert there("cat", "digits", names[1]) == names[1]
    for folder in (mreg.home / "out", Path(used)):
        assert [(folder / name).read_bytes() for name in names] == [name.encode() for name in names]


def test_a_name_that_is_not_utf8_is_refused_whatever_the_locale(mreg: Any, other_locale: dict[str, str]) -> None:
    mreg.must("init")
    (mreg.home / "model").mkdir()
    (mreg.home / "model" / os.fsdecode(b"caf\xe9")).write_bytes(b"")

    done = subprocess.run(
        [sys.executable, "-m", "mreg", "log", "model", "-a", "digits", "--json"],
        cwd=mreg.home,
        env=os.environ | other_locale,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 6
    assert json.loads(done.stderr)["error"]["reason"] == "its name is not valid Unicode"
