"""Files whose names hold what would break a line, move a cursor or pass for something else: every command takes them,
and prints each on its line."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mreg.cli.registry import COMMANDS

ODD = "e\n\x1b[31m\t\\n:\u202e\x85"
SHOWN = "e\\n\\x1b[31m\\t\\\\n:\\u202e\\x85"

LINES = """
init
log {x} -a other --input-file {x} --input-uri s3://data/{x} -m first
log {x} -a other --dry-run
log in -a m --exclude {x}/nothing --alias best --link Z
log {x}.npy -a t --meta acc=1
log t/{x}.npy -a t --meta acc=2
import runs --dry-run
import runs -a imported
metrics t
metrics t acc
html {x}.html
html {x}-pages
lineage other
files m
files other
get m
get m -o {x}out
get m -o part --include */*
get other -o out
get other -o out --exact
use m
export m --folder {x}folder
export m --oci layout
export m --hf hub
use m --run r1
show m:best
show other:v0
cat m {x}/{x}
resolve m
ls m
show m
show other
show Z
diff other:v0 m:v0
diff m:v0 other:v0
diff m:v0 ./in
diff t:v0 t:v1
diff t:v0 t:v1 --tensors
diff t:v0 t:v1 --stat
diff t:v0 ./{x}.npy --tensors
annotate m --message again
annotate other:v0 --meta a=1
link other Z
unlink Z:v1
alias set best m:v0
alias ls m
alias rm best m
tag add Z word
tag ls
tag rm Z word
card Z --file {x}card
card Z
artifact create empty
artifact ls
artifact show m
artifact describe m words
artifact rename m n
artifact rm empty
model create E
model ls
model show Z
model describe Z words
model rename Z Y
model rm E
search first
search --path {x}
history
history -v
undo 5
clone . {x}copy
push {x}copy --all
pull {x}copy --all
mirror {x}twin
bundle create {x}.bundle --all
pull {x}.bundle
cache ls
cache prune
du
rm other:v0 --force
gc
fsck --full
fsck --repair
config get log.compress
config set log.compress false
config ls
remote add team ./team
remote set team ./other
remote ls
remote rm team
upgrade
completion bash
help log
version
"""

REFUSED = """
alias rollback nowhere n
cat n {x}/{x}x
cat n {x}
log {x}/nothing -a other
log {x}pipe -a other
log {x} -a other --meta-file {x}
log in -a other --input-file {x}pipe
get n -o {x}
get n -o inout --exact
get n --include {x}/nothing
-C {x} ls
-C {x}nothing ls
"""


def npy(number: int) -> bytes:
    """A tensor of four numbers."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + struct.pack("<4f", *[number] * 4)


def commands_of(entries: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, entry in entries.items():
        yield from commands_of(entry.group, f"{name} ") if entry.group else (above + name,)


def test_the_table_has_every_command() -> None:
    assert [name for name in commands_of(COMMANDS) if f"\n{name} " not in (LINES + REFUSED).replace("\n", " \n")] == []


def play(mreg: Any, name: str) -> list[tuple[str, Any]]:
    """Each command of the table and its result, with files called `name`."""
    home = mreg.home / ("plain" if name.isalnum() else "odd")
    (home / "in" / name).mkdir(parents=True)
    (home / "in" / f"{name}empty").mkdir()
    (home / "in" / name / name).write_text("inner")
    (home / "inout").mkdir()
    (home / "inout" / f"{name}more").write_text("nobody has this")
    (home / name).write_text("outer")
    (home / "t").mkdir()
    for number, place in enumerate((home, home / "t")):
        (place / f"{name}.npy").write_bytes(npy(number))
    (home / "runs" / f"checkpoint-1{name}").mkdir(parents=True)
    (home / "runs" / f"checkpoint-1{name}" / name).write_text("weights")
    (home / f"{name}card").write_text("# Card\n")
    os.mkfifo(home / f"{name}pipe")
    there = type(mreg)(home)
    lines = [line.split(" ") for line in (LINES + REFUSED).split("\n") if line]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MREG_CACHE", str(home / "cache"))
        return [(" ".join(words), there(*(word.replace("{x}", name) for word in words))) for words in lines]


def test_every_command_keeps_a_name_on_its_line(mreg: Any) -> None:
    """It prints as many lines as where the name is plain, and nothing that a terminal obeys."""
    for (line, plain), (_, odd) in zip(play(mreg, "x"), play(mreg, ODD), strict=True):
        assert odd.code == plain.code, (line, odd, plain)
        assert bool(odd.code) == (f"\n{line}\n" in REFUSED), (line, odd)
        for one, other in ((plain.out, odd.out), (plain.errors, odd.errors)):
            if (
                line.startswith(("use ", "get ", "export ", "html ", "clone ", "mirror ", "bundle create "))
                and one is plain.out
            ):
                continue  # a path for scripts, to the byte
            assert other.count("\n") == one.count("\n"), (line, other)
            assert other.count("\t") == one.count("\t"), (line, other)
            assert other.replace("\n", "").replace("\t", "").isprintable(), (line, other)


def test_a_terminal_does_not_obey_the_path_that_is_printed(mreg: Any) -> None:
    (mreg.home / "a.bin").write_text("a")
    mreg.must("log", "a.bin", "-a", "m")

    shown = mreg.terminal("get", "m", "-o", ODD, environment={"NO_COLOR": "1"}).out

    assert shown.endswith(f"/{SHOWN}\n")
    assert shown.replace("\n", "").isprintable()
    assert mreg.must("get", "m", "-o", ODD).endswith(f"/{ODD}\n")


def test_names_are_shown_so_that_no_two_look_alike(mreg: Any) -> None:
    for name in ("a\nb", "a\\nb", "a\tb", "a:b"):
        (mreg.home / "in").mkdir(exist_ok=True)
        (mreg.home / "in" / name).write_text(name)
    mreg.must("log", "in", "-a", "m")

    shown = [line.split("\t")[2] for line in mreg.must("files", "m").splitlines()]

    assert shown == ["a\\tb", "a\\nb", "a:b", "a\\\\nb"]
    assert [file["path"] for file in mreg("files", "m", "--json").json["files"]] == ["a\tb", "a\nb", "a:b", "a\\nb"]


def test_odd_names_come_back_as_they_were(mreg: Any) -> None:
    (mreg.home / "in" / ODD).mkdir(parents=True)
    (mreg.home / "in" / ODD / ODD).write_text("inner")
    (mreg.home / "in" / "assets" / ODD).mkdir(parents=True)
    mreg.must("log", "in", "-a", "m")

    mreg.must("get", "m", "-o", "out")
    used = Path(mreg.must("use", "m").rstrip("\n"))

    for folder in (mreg.home / "out", used):
        assert (folder / ODD / ODD).read_text() == "inner"
        assert os.listdir(folder / "assets") == [ODD]
    assert mreg("cat", "m", f"{ODD}/{ODD}").out == "inner"
    assert SHOWN in mreg.must("files", "m")
    assert json.loads(mreg.must("files", "m", "--json"))["folders"] == [f"assets/{ODD}"]
