"""docs/json.md says what every command prints with --json: the keys that it lists, of the types that it states."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from mreg.cli.main import run
from mreg.cli.registry import COMMANDS, Entry

PAGE = Path(__file__).parents[2] / "docs" / "json.md"

# In this order, in one repository: the section of the page, and a command line that it describes.
RUNS = [
    ("mreg init", "init"),
    ("mreg log", "log ckpt -a base"),
    ("mreg log", "log ckpt -a tuned -m first --run r1 --input base --meta metrics.acc=0.5 --link digits --alias best"),
    ("mreg log", "log other -a tuned --meta metrics.acc=0.75"),
    ("mreg log", "log other -a tuned --dry-run"),
    ("mreg use", "use tuned:best --run serving"),
    ("mreg get", "get tuned -o out"),
    ("mreg resolve", "resolve tuned:best"),
    ("mreg resolve", "resolve digits"),
    ("mreg alias set", "alias set production digits:v0 --expect none"),
    ("mreg alias set", "alias set production digits:v0 --expect v0"),
    ("mreg alias ls", "alias ls"),
    ("mreg alias rm", "alias rm production digits"),
    ("mreg alias rollback", "alias rollback production digits"),
    ("mreg tag add", "tag add digits vision tiny"),
    ("mreg tag rm", "tag rm digits tiny"),
    ("mreg tag ls", "tag ls"),
    ("mreg tag ls MODEL", "tag ls digits"),
    ("mreg card --file", "card digits --file card.md"),
    ("mreg card", "card digits"),
    ("mreg card", "card tuned"),
    ("mreg ls", "ls"),
    ("mreg ls ARTIFACT", "ls tuned"),
    ("mreg ls MODEL", "ls digits"),
    ("mreg ls --where", "ls tuned --where has(metrics.acc)"),
    ("mreg ls --where", "ls tuned:v0 digits:v0 base"),
    ("mreg show NAME:SELECTOR", "show tuned:best"),
    ("mreg show ARTIFACT", "show tuned"),
    ("mreg show MODEL", "show digits"),
    ("mreg files", "files tuned:v0"),
    ("mreg cat", "cat tuned:v0 model.bin"),
    ("mreg diff", "diff tuned:v0 tuned:v1"),
    ("mreg diff", "diff ./tensors-1 ./tensors-2 --tensors --all"),
    ("mreg diff", "diff ./tensors-1 ./tensors-2 --files"),
    ("mreg lineage", "lineage tuned:v0"),
    ("mreg annotate", "annotate tuned:v1 -m second --meta note=good"),
    ("mreg link", "link tuned:v1 digits --alias candidate"),
    ("mreg unlink", "unlink digits:v1 --force"),
    ("mreg alias rm", "alias rm production digits"),
    ("mreg artifact create", "artifact create empty --description nothing"),
    ("mreg artifact ls", "artifact ls"),
    ("mreg artifact show", "artifact show empty"),
    ("mreg artifact describe", "artifact describe empty void"),
    ("mreg artifact rename", "artifact rename empty void"),
    ("mreg artifact rm", "artifact rm void"),
    ("mreg model create", "model create letters --tag vision"),
    ("mreg model ls", "model ls"),
    ("mreg model show", "model show letters"),
    ("mreg model describe", "model describe letters abc"),
    ("mreg model rename", "model rename letters words"),
    ("mreg model rm", "model rm words"),
    ("mreg search", "search tuned"),
    ("mreg search", "search --tag vision"),
    ("mreg search", "search --where metrics.acc>=0.5"),
    ("mreg search --keys", "search --keys"),
    ("mreg search --count", "search --count"),
    ("mreg metrics", "metrics tuned"),
    ("mreg metrics", "metrics tuned acc"),
    ("mreg rm", "rm tuned:v1"),
    ("mreg undo", "undo 23"),
    ("mreg history", "history"),
    ("mreg history", "history tuned:best"),
    ("mreg resolve --at", "resolve tuned:best --at 3"),
    ("mreg alias ls --at", "alias ls --at 6"),
    ("mreg ls --at", "ls --at 6"),
    ("mreg ls NAME --at", "ls digits --at 6"),
    ("mreg du", "du"),
    ("mreg du", "du base"),
    ("mreg gc", "gc --repack --dry-run"),
    ("mreg gc", "gc --dry-run --grace 0"),
    ("mreg log", "log other -a base"),
    ("mreg gc", "gc --keep-last 1"),
    ("mreg import", "import runs"),
    ("mreg import", "import runs --dry-run"),
    ("mreg export", "export tuned --folder exported"),
    ("mreg clone", "clone . copy"),
    ("mreg push", "push copy --all --dry-run"),
    ("mreg pull", "pull copy --all"),
    ("mreg mirror", "mirror twin"),
    ("mreg bundle create", "bundle create all.bundle --all"),
    ("mreg fsck", "fsck --full"),
    ("mreg fsck", "fsck --full --repair"),
    ("mreg get", "get tuned --partial -o out"),
    ("mreg html", "html report.html"),
    ("mreg cache ls", "cache ls"),
    ("mreg cache prune", "cache prune --force"),
    ("mreg config set", "config set log.exclude *.tmp"),
    ("mreg config get", "config get log.exclude"),
    ("mreg config ls", "config ls"),
    ("mreg remote add", "remote add other elsewhere"),
    ("mreg remote set", "remote set other copy"),
    ("mreg remote ls", "remote ls"),
    ("mreg remote rm", "remote rm other"),
    ("mreg upgrade", "upgrade"),
    ("mreg config set", "config set --user safe.directory /data/models"),
    ("mreg config get", "config get --user safe.directory"),
    ("mreg config ls", "config ls --user"),
    ("mreg completion", "completion fish"),
    ("mreg completion --install", "completion fish --install"),
    ("mreg help COMMAND or TOPIC", "help filters"),
    ("mreg version", "version"),
]

# Tensors that differ in every way.
BEFORE = {
    **{"equal": np.ones(9), "changed": np.arange(9), "cast": np.ones(9, "f4"), "reshaped": np.ones(8)},
    **{"old": np.arange(5.0), "removed": np.arange(6.0)},
}
AFTER = {
    **{"equal": np.ones(9), "changed": np.arange(9) + 1, "cast": np.ones(9, "f2"), "reshaped": np.ones(9)},
    **{"new": np.arange(5.0), "added": np.arange(7.0)},
}

TEXTS = {
    "text": r"(?s).*",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "digest": r"[0-9a-f]{64}",
    "vN": r"v\d+",
    "name:vN": r"[\w.-]+:v\d+",
}


def sections() -> dict[str, dict[str, str] | str]:
    """The page's sections: the keys with their types, and those of a shape, or the name of a shape."""
    found: dict[str, dict[str, str] | str] = {}
    for part in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        heading, _, body = part.partition("\n")
        keys = re.findall(r"^\| `(\w+)` \| (.+?) \|", body, re.MULTILINE)
        whole = re.search(r"^One `(\w+)`(?:\.|, with these additional keys:)$", body, re.MULTILINE)
        more = found[whole[1]] if whole and keys else {}
        assert isinstance(more, dict)
        found[heading] = {**more, **dict(keys)} or (whole[1] if whole else "")
    return found


SECTIONS = sections()


def faults(value: Any, kind: str, where: str) -> Iterator[str]:
    """Where the value is not what the page says of it."""
    if kind.endswith(" or null"):
        if value is not None:
            yield from faults(value, kind.removesuffix(" or null"), where)
    elif kind.startswith("list of ") and isinstance(value, list):
        for at, item in enumerate(value):
            yield from faults(item, kind.removeprefix("list of "), f"{where}[{at}]")
    elif kind.startswith("object of ") and isinstance(value, dict):
        for key, item in value.items():
            yield from faults(item, kind.removeprefix("object of "), f"{where}.{key}")
    elif kind in SECTIONS and isinstance(value, dict):
        yield from keys_faults(value, SECTIONS[kind], where)
    elif not fits(value, kind):
        yield f"{where} is no {kind}: {value!r}"


def keys_faults(value: dict[str, Any], keys: dict[str, str] | str, where: str) -> Iterator[str]:
    assert isinstance(keys, dict)
    if value.keys() != keys.keys():
        yield f"{where} has the keys {sorted(value)}, documented are {sorted(keys)}"
    for key in value.keys() & keys.keys():
        yield from faults(value[key], keys[key], f"{where}.{key}")


def fits(value: Any, kind: str) -> bool:
    if kind in TEXTS:
        return isinstance(value, str) and re.fullmatch(TEXTS[kind], value) is not None
    if kind == "integer":
        return type(value) is int
    return kind == "any" or (kind == "boolean" and type(value) is bool)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each of the RUNS prints."""
    folder = tmp_path_factory.mktemp("json")
    for name, content in (("ckpt", "weights"), ("other", "more weights")):
        (folder / name).mkdir()
        (folder / name / "model.bin").write_text(content)
    (folder / "other" / "extra.json").write_text("{}")
    for name, tensors in (("tensors-1", BEFORE), ("tensors-2", AFTER)):
        (folder / name).mkdir()
        save_file(tensors, folder / name / "model.safetensors")
        save_file({"x": np.zeros(9)}, folder / name / "other.safetensors")
    (folder / "tensors-2" / "other.safetensors").write_bytes(b"\x02" + bytes(7) + b"{!")
    (folder / "runs" / "checkpoint-1").mkdir(parents=True)
    (folder / "runs" / "checkpoint-1" / "model.bin").write_text("step 1")
    (folder / "card.md").write_text("# Digits\n")
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CONFIG_HOME", str(folder.with_name("config-of-json")))
        for _, line in RUNS:
            found.append(output_of([*line.split(), "--json"]))
    return found


def output_of(arguments: list[str]) -> str:
    import contextlib
    import io

    raw = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(raw, encoding="utf-8", write_through=True)):
        assert run(arguments) == 0, arguments
        return raw.getvalue().decode()


@pytest.mark.parametrize("at", range(len(RUNS)), ids=[line for _, line in RUNS])
def test_command_prints_what_is_documented(printed: list[str], at: int) -> None:
    heading = RUNS[at][0]
    documented = SECTIONS[heading]
    value = json.loads(printed[at])
    found = (
        faults(value, documented, heading) if isinstance(documented, str) else keys_faults(value, documented, heading)
    )
    assert not list(found)


def test_every_section_is_run() -> None:
    shapes = {kind for kind in SECTIONS if not kind.startswith("mreg ")}
    assert {heading for heading, _ in RUNS} == SECTIONS.keys() - shapes


def test_every_command_has_a_section() -> None:
    def words(commands: dict[str, Entry], above: str) -> Iterator[str]:
        for name, entry in commands.items():
            if entry.group is None:
                yield f"{above} {name}"
            else:
                yield from words(entry.group, f"{above} {name}")

    documented = " ".join(f"{heading} ;" for heading in SECTIONS)
    missing = [command for command in words(COMMANDS, "mreg") if f"{command} " not in documented]
    assert not missing


def test_the_page_uses_only_types_that_it_explains() -> None:
    words = {"text", "integer", "boolean", "any", *TEXTS, *SECTIONS}
    for heading, keys in SECTIONS.items():
        kinds = [keys] if isinstance(keys, str) else list(keys.values())
        for kind in kinds:
            bare = kind.removesuffix(" or null").removeprefix("object of ").removeprefix("list of ")
            assert bare in words or heading == "mreg cat", f"{heading}: {kind}"
