"""Help: its pages say what the code does, and its examples work."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from safetensors.numpy import save

from mreg.cli.help import pages, topics
from mreg.cli.help.data import COMMON, PAGES
from mreg.cli.main import run
from mreg.cli.registry import COMMANDS

ROOT = Path(__file__).parents[2]
WORDS = [words for words, page in PAGES.items() if not page[2]]
EXAMPLES = [(words, line) for words in WORDS for line in PAGES[words][5]]


@pytest.fixture(scope="module")
def generate() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "docs"))
    yield importlib.import_module("generate_help")
    sys.path.remove(str(ROOT / "docs"))


def mreg(line: str) -> tuple[int, str, str]:
    """Run a command line here; its exit code, and what it printed."""
    out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = run(shlex.split(line)[1:])
    printed = [stream.buffer.getvalue().decode() for stream in (out, errors)]  # type: ignore[attr-defined]
    return code, printed[0], printed[1]


def lines_of(page: pages.Lines) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in page]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `docs/command_examples.py` describes."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "ckpt").mkdir()
    (folder / "runs" / "checkpoint-500").mkdir(parents=True)
    (folder / "runs" / "checkpoint-500" / "model.bin").write_text("weights")
    (folder / "README.md").write_text("Reads **digits**.\n")
    (folder / "metrics.json").write_text('{"metrics": {"acc": 0.9}}')
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setenv("MREG_CACHE", str(folder / "cache"))
        patch.setenv("HOME", str(folder))
        assert mreg("mreg init --format 2")[0] == 0
        for number, alias in enumerate(["baseline", "best", ""]):
            (folder / "ckpt" / "weights.bin").write_text(f"weights {number}")
            (folder / "ckpt" / "config.json").write_text("{}")
            tensors = {"layers.0.weight": np.full(4, number, "f4")}
            (folder / "ckpt" / "model.safetensors").write_bytes(save(tensors))
            more = f"--alias {alias} --link digits" if alias else ""
            meta = f"--meta metrics.acc=0.9{number} --meta params.arch=cnn -m 'cosine schedule {number}'"
            assert mreg(f"mreg log ckpt -a mnist {meta} {more}")[0] == 0
        for line in ("alias set production digits:v1", "alias set production digits:v0", "alias set staging digits:v1"):
            assert mreg(f"mreg {line}")[0] == 0
        assert mreg("mreg tag add digits vision")[0] == 0
        assert mreg("mreg remote add shared other")[0] == 0
        assert mreg("mreg init other")[0] == 0
        assert mreg("mreg push other mnist:v0 mnist:v1")[0] == 0
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, as the working folder."""
    copy = tmp_path / "work"
    shutil.copytree(prepared, copy)
    for name in [name for name in os.environ if name.startswith(("MREG_", "XDG_", "BASH_COMPLETION"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MREG_CACHE", str(copy / "cache"))
    monkeypatch.setenv("HOME", str(copy))
    with contextlib.chdir(copy):
        yield copy


def test_the_pages_are_up_to_date(generate: ModuleType) -> None:
    assert (ROOT / "mreg" / "cli" / "help" / "data.py").read_text(encoding="utf-8") == generate.text(), (
        "run `make docs`"
    )


@pytest.mark.parametrize("words", WORDS)
def test_every_command_has_examples_that_begin_with_it(words: str) -> None:
    examples = PAGES[words][5]

    assert examples, "write one in docs/command_examples.py"
    assert all(line == f"mreg {words}" or line.startswith(f"mreg {words} ") for line in examples)


@pytest.mark.parametrize(("words", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_an_example_works(folder: Path, words: str, line: str) -> None:
    if words == "init":
        shutil.rmtree(folder / ".mreg")
        line = line.replace("/tmp/", f"{folder}/")

    code, _, errors = mreg(line)

    assert (code, errors.startswith("error:")) == (0, False), errors


def test_the_overview_has_every_command_once() -> None:
    shown = " ".join(pages.GROUPS.values()).split()

    assert sorted(shown) == sorted(COMMANDS), "add it to mreg/cli/help/pages.py::GROUPS"


@pytest.mark.parametrize("line", ["mreg", "mreg --help", "mreg -h", "mreg help"])
def test_the_overview_fits_a_terminal_of_80_columns_and_24_lines(line: str) -> None:
    code, out, errors = mreg(line)

    assert (code, errors) == (2 if line == "mreg" else 0, "")
    assert len(out.splitlines()) <= 22
    assert max(map(len, out.splitlines())) <= 80
    for command in re.findall(r"^  (mreg \w+)", out, re.MULTILINE):
        assert command.split()[1] in COMMANDS
    assert out.splitlines()[-1].split()[1:] == topics.NAMES


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_page_fits_the_terminal_and_its_paragraphs_flow(words: str, width: int) -> None:
    lines = lines_of(pages.page(words, width))

    usage, text, _, arguments, options, examples = PAGES[words]
    parts = [usage, *text, *(part for rows in (arguments, options) for row in rows for part in row)]
    longest_word = max(len(word) for part in parts for word in part.split())
    own = [line for line in lines if line.strip() not in examples and not line.startswith(("  -", "      --"))]
    assert max(map(len, own)) <= max(min(width, 100), longest_word + 6)
    assert " ".join(text[0].split()) in " ".join(" ".join(lines).split())
    assert not any("--quiet" in line or "--no-color" in line for line in lines)


@pytest.mark.parametrize("words", [*PAGES, "log somewhere", "alias set a"])
def test_help_is_the_same_however_it_is_asked_for(words: str) -> None:
    asked = [mreg(f"mreg {words} {flag}") for flag in ("--help", "-h", "--help --no-color", "-v --help")]

    assert {(code, errors) for code, _, errors in asked} == {(0, "")}
    assert len({out for _, out, _ in asked}) == 1
    if words in PAGES:
        assert mreg(f"mreg help {words}") == asked[0]


@pytest.mark.parametrize("topic", topics.NAMES)
def test_a_topic_fits_a_terminal_of_80_columns(topic: str) -> None:
    code, out, errors = mreg(f"mreg help {topic}")

    assert (code, errors) == (0, "")
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("topic", ["references", "json", "formats"])
@pytest.mark.parametrize("width", [40, 140])
def test_the_paragraphs_of_a_topic_flow(topic: str, width: int) -> None:
    lines = lines_of(pages.topic(topics.TOPICS[topic], width))

    flowing = [line for line in lines if not line.startswith(" ")]
    assert max(map(len, flowing)) <= min(width, 100)
    if width == 140:
        assert max(map(len, flowing)) > 80


def test_help_options_has_the_options_of_every_command_once() -> None:
    _, out, _ = mreg("mreg help options")

    assert [line.split("  ")[0] for line in map(str.strip, out.splitlines()[2:]) if line.startswith("-")] == [
        name.strip() for name, _ in COMMON
    ]


def test_help_options_sets_apart_what_goes_without_a_command_only() -> None:
    _, out, _ = mreg("mreg help options")
    everywhere, _, alone = out.partition("\nWithout a command:\n")

    assert "--version" in alone
    assert re.findall(r"--[a-z-]+", everywhere) == ["--json", "--quiet", "--verbose", "--no-color", "--repo", "--help"]
    assert mreg("mreg --version")[0] == 0
    assert mreg("mreg ls --version")[0] == 2


def test_names_of_arguments_keep_their_brackets() -> None:
    for words, (usage, _, _, arguments, *_) in PAGES.items():
        for name, _ in arguments:
            assert name.count("[") == name.count("]"), (words, name)
            assert name.removesuffix("...") in usage

    assert PAGES["history"][3][0][0] == "NAME[:ALIAS]"
    assert PAGES["diff"][3][2][0] == "GLOB..."


def test_a_default_that_means_nothing_to_people_is_not_shown() -> None:
    assert "Default" not in dict(PAGES["history"][4])["    --since WHEN"]
    assert "Default: `" in "".join(meaning for page in PAGES.values() for _, meaning in page[4])


def test_help_commands_has_every_command() -> None:
    _, out, _ = mreg("mreg help commands")

    for words in WORDS:
        assert re.search(rf"^{words}  ", out, re.MULTILINE), words


def test_values_of_options_are_named_as_people_write_them() -> None:
    spelt = {name for words in WORDS for name, _ in (*PAGES[words][3], *PAGES[words][4])}

    assert not [name for name in spelt if re.search(r"INTEGER|FLOAT|BOOLEAN|LIST|…|_", name)]


def test_help_says_link_and_not_bookmark() -> None:
    everything = "\n".join(line for words in PAGES for line in lines_of(pages.page(words, 80)))

    assert "bookmark" not in everything.casefold() + "\n".join(topics.TOPICS.values()).casefold()


def test_help_of_what_is_neither_command_nor_topic_tells_the_nearest() -> None:
    assert mreg("mreg help serach") == (
        2,
        "",
        "error: there is no command or topic 'serach'\nhint: did you mean `search`?\n",
    )
    assert mreg("mreg help exitcodes")[2].endswith("hint: did you mean `exit-codes`?\n")


def test_help_as_json_is_one_document() -> None:
    import json

    _, out, errors = mreg("mreg help json --json")

    assert errors == ""
    assert json.loads(out)["topic"] == "json"
