"""Makes section 11 of docs/format.md again, from real commands:

    python tests/format/make_worked_bytes.py         # what is there in format 2, on top of the bytes that the page has
    python tests/format/make_worked_bytes.py all     # the beginning too, which names all that follows it

What is random is `11…`, `22…` and so on, in the order of its making; each look at the clock is a second after the
one before. The sentences between the blocks are here too: whoever changes the format reads them again. They
take apart what one release of zstd has made; where another one makes other frames, this stops.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import shlex
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from mreg.content.objects import key_of as object_key
from mreg.content.packs import PackIndex
from mreg.refs import ref_files
from mreg.refs.journal import key_of as entry_key
from mreg.repository import Repository
from mreg.values.digest import digest
from mreg.values.records import VersionRecord

PAGE = Path(__file__).parents[2] / "docs" / "format.md"
TITLE = "## 11. Worked bytes\n"
BLOCK = re.compile(r"<!-- worked (\S+) \((.+?)\) -->\n```\n(.*?)\n```\n", re.DOTALL)

COMMANDS = """\
mreg init --format 1
mreg log FOLDER --artifact digits --alias best --link Reader -m "first epoch" \\
    --meta-file meta.json --run run-1                # entry 1
mreg annotate digits:best --meta accuracy=0.625      # entry 2
mreg alias rm best digits                            # entry 3
mreg card Reader --file card.md                      # entry 4
mreg unlink Reader:v0                                # entry 5
mreg log FOLDER --artifact digits -m "second epoch"  # entry 6
"""

TITLE_2 = "### Format 2\n"

COMMANDS_2 = """\
mreg upgrade                                                  # entry 7
mreg log FOLDER --artifact producción --alias 最良            # entry 8
mreg log FOLDER --artifact producción --always \\
    --input-file data.csv --input-uri s3://data/train         # entry 9
mreg log data.csv --artifact data                             # entry 10
mreg rm data:v0                                               # entry 11
mreg gc --grace 0                                             # entry 12
mreg log data.csv --artifact data                             # entry 13
mreg tag add producción:v0 reviewed                           # entry 14
repo.set_property("Reader", "stage of use", "pilot")          # entry 15
repo.attach("producción:v0", "report", "data.csv")            # entry 16
mreg artifact create counted --first 1                        # entry 17
mreg model create Tables --type dataset                       # entry 18
"""

INTRODUCTION_2 = """
The same repository after twelve more commands. The folder now contains an empty folder `assets` and an executable
file `epoch:3` with the text `weights` and a newline. data.csv is `1,2` and a newline. `repo` is the repository in
Python. Only new and changed files are shown.
"""

REFS_2 = """
The refs. counted:v0 is a reserved number, and producción:v0.toml an annotation that has only tags. There are two
tables with one line each: one has an attachment, the manifest of data:v1, the other a property.
"""

RECORDS_2 = """
The records: producción:v0 in format 1, which can represent all of it, and producción:v1 in format 2; both have one
manifest.
"""

AGAIN_2 = """
The records of data:v1. Entry 12 dropped the manifest, which data:v0 had too. So its first key is dead; the key that
counts has the number of that entry. Nothing is left of data:v0 except its ref.
"""

INTRODUCTION = """
This is a whole repository after seven commands, starting with `init`. The folder contained an empty file `empty.txt`,
and `model.safetensors`: a header of 80 bytes, then a tensor of 512 elements in bf16. Element i, rotated left by one
bit, has the high byte `7e` and the low byte 77 i mod 256 (91 i mod 256 from i = 256 on). Before the second `log`, each
element, as an integer, was increased by one.
"""


CONFIG = """
The config. Its checksum is the start of the digest of `config.toml\\n0\\n0\\nformat = 1\\nid = "1111…"\\n`: the value
itself ends with a newline.
"""

TABLE = "A table with one line, deleted by entry 5. The other refs of the model follow."


def elements(epoch: int) -> list[int]:
    """The tensor's elements as 16 bits each."""
    rotated = [0x7E00 | number * (77 if number < 256 else 91) % 256 for number in range(512)]
    return [(value >> 1 | (value & 1) << 15) + epoch for value in rotated]


def model(epoch: int) -> bytes:
    """model.safetensors in epoch 0 or 1."""
    tensors = {"weight": {"dtype": "BF16", "shape": [512], "data_offsets": [0, 1024]}}
    header = json.dumps(tensors, separators=(",", ":")).encode().ljust(72)
    return len(header).to_bytes(8, "little") + header + b"".join(e.to_bytes(2, "little") for e in elements(epoch))


def make(root: Path) -> dict[str, bytes]:
    """Run the commands in the folder `root`; the repository's files by key."""
    source = root / "FOLDER"
    source.mkdir()
    (source / "empty.txt").write_bytes(b"")
    (root / "meta.json").write_text('{"accuracy": 0.5, "layers": [64, 10]}')
    (root / "card.md").write_text("# Reader\n\nReads digits.\n")
    with _nothing_by_chance(root, "123456789abcdef", 1767323045):  # 2026-01-02T03:04:05Z
        for line in _lines(COMMANDS):
            (source / "model.safetensors").write_bytes(model(epoch=int("second epoch" in line)))
            _run(line)
    return _files(root / ".mreg")


def make_2(root: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """Go on with these files of the repository; those that there are then."""
    for key, data in files.items():
        (root / ".mreg" / key).parent.mkdir(parents=True, exist_ok=True)
        (root / ".mreg" / key).write_bytes(data)
    (root / "data.csv").write_text("1,2\n")
    (root / "FOLDER" / "assets").mkdir(parents=True)
    (root / "FOLDER" / "epoch:3").write_text("weights\n")
    (root / "FOLDER" / "epoch:3").chmod(0o755)
    with _nothing_by_chance(root, "abcdef123456789", 1767409445):  # a day later
        for line in _lines(COMMANDS_2):
            _run(line)
    return _files(root / ".mreg")


def _lines(commands: str) -> list[str]:
    return commands.replace("\\\n", "").splitlines()


def _run(line: str) -> None:
    from mreg.cli.main import run

    if line.startswith("repo."):
        with Repository.open(author="ann") as repo:
            assert eval(line, {"repo": repo}), line
        return
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        assert run(shlex.split(line, comments=True)[1:]) == 0, line


def _files(here: Path) -> dict[str, bytes]:
    keys = sorted(path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file())
    return {key: (here / key).read_bytes() for key in keys if not key.startswith(("tmp/", "lock"))}


@contextlib.contextmanager
def _nothing_by_chance(root: Path, random: str, start: int) -> Iterator[None]:
    """In the folder `root`. random: the digits that what is random consists of; start: the first second."""
    seconds, digits, real = itertools.count(start), itertools.cycle(random), os.urandom
    told = {"MREG_CACHE": str(root / "cache"), "MREG_AUTHOR": "ann"}
    with (
        patch.dict(os.environ, told),
        contextlib.chdir(root),
        patch("os.urandom", lambda size: bytes.fromhex(next(digits) * 32) if size == 16 else real(size)),
        patch("time.time_ns", lambda: next(seconds) * 10**9 + 6000),
        patch("os.uname", lambda: os.uname_result(("Linux", "alpha", "", "", ""))),
    ):
        yield


def part_2(files: dict[str, bytes]) -> str:
    """What the page says of format 2. files: those that are new or have changed."""
    keys = sorted(files)
    objects, packs = ([key for key in keys if key.startswith(start)] for start in ("objects/", "packs/"))
    again = [key for key in objects if key.endswith(".12")]
    again += [key for key in objects if any(digest(files[other]).encode() in files[key] for other in again)]
    records = [key for key in objects if key not in again]
    parts = [TITLE_2, "\n", _filled(INTRODUCTION_2), *(f"    {line}\n" for line in COMMANDS_2.splitlines()), "\n"]
    for text, shown in (
        ("The config, whose first line entry 7 has changed.", ["config.toml"]),
        (REFS_2, [key for key in keys if key.startswith(("artifacts/", "aliases/", "registered/"))]),
        (RECORDS_2, sorted(records, key=lambda key: (b'"files":[' in files[key], b'"format":2' in files[key]))),
        (AGAIN_2, again),
        ("The packs. Each file is one chunk, stored unchanged, without a recipe.", packs),
        ("The entries, of format 2.", [key for key in keys if key.startswith("journal/0")]),
        ("The applied mark.", ["journal/applied"]),
    ):
        parts += [_filled(text), *(_block(key, files[key]) for key in shown)]
    return "".join(parts).rstrip("\n") + "\n"


def part_1(files: dict[str, bytes]) -> str:
    """Section 11 of the page, as far as format 1 goes."""
    first, second = (_Version(files, number) for number in range(2))
    packs = {key: _index(data) for key, data in files.items() if key.startswith("packs/")}
    old, new = sorted(packs, key=lambda key: any(entry.base for entry in packs[key].chunks))
    of_artifact, of_model = "artifacts/digits/{}".format, "registered/Reader/{}".format
    parts = [TITLE, "\n", _filled(INTRODUCTION), *(f"    {line}\n" for line in COMMANDS.splitlines()), "\n"]
    for text, keys in (
        (CONFIG, ["config.toml"]),
        ("A ref of an artifact.", [of_artifact("artifact.toml")]),
        ("A version ref, and its annotation; another version ref.", map(of_artifact, ("v0", "v0.toml", "v1"))),
        ("A tombstone: the alias was at v0 when entry 3 deleted it.", ["aliases/digits/best"]),
        (TABLE, map(of_model, ("links", "model.toml", "card.md"))),
        ("The version records. An object ends with its last brace.", [first.key, second.key]),
        ("The manifests.", [first.manifest, second.manifest]),
        (_first_pack(files[old], packs[old]), [old]),
        (_second_pack(files[new], packs[new]), [new]),
        ("The entries. The digest of each is the `prev` of the next.", map(entry_key, range(1, 7))),
        ("The applied mark.", ["journal/applied"]),
    ):
        parts += [_filled(text), *(_block(key, files[key]) for key in keys)]
    return "".join(parts).rstrip("\n") + "\n"


def _filled(text: str) -> str:
    paragraphs = text.strip().split("\n\n")
    return "".join(
        textwrap.fill(paragraph, 118, break_on_hyphens=False, break_long_words=False) + "\n\n"
        for paragraph in paragraphs
    )


class _Version:
    """The keys of a version's record and manifest."""

    def __init__(self, files: dict[str, bytes], number: int) -> None:
        key = f"artifacts/digits/v{number}"
        digest = ref_files.decode(key, files[key]).value
        assert digest is not None
        self.key = object_key(digest)
        self.manifest = object_key(VersionRecord.from_bytes(files[self.key]).manifest)


def _index(data: bytes) -> PackIndex:
    offset, length = (int.from_bytes(data[at : at + 8], "little") for at in (len(data) - 24, len(data) - 16))
    return PackIndex.from_bytes(data[offset : offset + length], offset)


def _block(key: str, data: bytes) -> str:
    if key.startswith("packs/"):
        kind, text, note = "hexdump", _dump(data), ""
    elif data.endswith(b"\n"):
        kind, text, note = "text", data.decode()[:-1], ""
    else:
        kind, text, note = "text, no newline at the end", data.decode(), ", no newline at the end"
    return f"`{key}`{note}:\n\n<!-- worked {key} ({kind}) -->\n```\n{text}\n```\n\n"


def _dump(data: bytes) -> str:
    """What `hexdump -C` prints."""
    lines, last = [], b""
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        if row == last:
            lines += [] if lines[-1] == "*" else ["*"]
            continue
        last = row
        halves = f"{row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}"
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {halves}  |{shown}|")
    return "\n".join([*lines, f"{len(data):08x}"])


def _first_pack(data: bytes, index: PackIndex) -> str:
    header, tensor = index.chunks
    at, form = tensor.offset, data[tensor.offset : tensor.offset + tensor.stored]
    low, high = (int.from_bytes(form[1 + 4 * n : 5 + 4 * n], "little") for n in range(2))
    counts = at + len(form)
    entries, recipe = counts + 16, counts + 16 + 2 * 56
    assert (header.codec, tensor.codec, form[0], low) == (0, 1, 2, 512)
    assert form[9 + low :].hex() == "28b52ffd60000125000005207e00"
    return f"""
The first pack: header to `1f`; chunk 1 (the safetensors header, unchanged) at `{header.offset:x}`; chunk 2 (the tensor,
codec 1) at `{at:x}`; counts at `{counts:x}`: 2 chunks, 1 recipe; chunk entries at `{entries:x}` and `{entries + 56:x}`;
the recipe at `{recipe:x}`, its two pieces at `{recipe + 40:x}` and `{recipe + 76:x}`; trailer at `{len(data) - 24:x}`.

Chunk 2 has elements of `02` bytes; its planes take {low} and {high} bytes. At `{at + 9:x}` the low bytes: 512 is the
number of elements, so they are stored unchanged. At `{at + 9 + low:x}` the high bytes, a frame:
magic number `28 b5 2f fd`;
`60`, a single segment whose length takes two bytes; `00 01`, 256 and 256 more bytes; block header `25 00 00`: the last
block, compressed, of 4 bytes; literals `05 20 7e`: 512 times `7e`; `00`: no sequences.
"""


def _second_pack(data: bytes, index: PackIndex) -> str:
    (tensor,) = index.chunks
    at, form = tensor.offset, data[tensor.offset : tensor.offset + tensor.stored]
    counts = at + len(form)
    entry = counts + 16
    assert (tensor.codec, tensor.position) == (2, 1)
    assert form.hex() == "020e0000000e000000" + "28b52ffd60000125000005200200" + "28b52ffd60000125000005200000"
    return f"""
The second pack. The safetensors header is already in the first. The tensor, codec 2, is at `{at:x}`: two frames of 14
bytes,
the low bytes all `02`, the high ones all `00`; 0002 is +1, folded. Counts at `{counts:x}`; the chunk entry at
`{entry:x}`, its codec at `{entry + 48:x}`, its position, 1, at `{entry + 49:x}`; the one base, the digest of chunk 2 of
the first pack, at `{entry + 56:x}`; the recipe at `{entry + 88:x}`.
"""


def blocks(text: str) -> dict[str, bytes]:
    """The files that a text of the page shows, by key."""
    return {key: _bytes_of(kind, shown) for key, kind, shown in BLOCK.findall(text)}


def _bytes_of(kind: str, text: str) -> bytes:
    if kind == "hexdump":
        return _undump(text)
    return text.encode() + (b"" if "no newline" in kind else b"\n")


def _undump(text: str) -> bytes:
    """The bytes of what `hexdump -C` prints."""
    data, repeat = b"", b""
    for line in text.split("\n"):
        if line == "*":
            repeat = data[-16:]
            continue
        offset, _, rest = line.partition("  ")
        missing = int(offset, 16) - len(data)
        if missing:
            data += repeat * (missing // 16)
        assert len(data) == int(offset, 16)
        data += bytes.fromhex(rest.partition("|")[0])
    return data


def main() -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(TITLE)
    first = TITLE + rest.partition(TITLE_2)[0]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        if sys.argv[1:] == ["all"]:
            first = part_1(make(Path(one))) + "\n"
        files = blocks(first)
        made = make_2(Path(other), files)
    PAGE.write_text(before + first + part_2({key: made[key] for key in made if files.get(key) != made[key]}), "utf-8")


if __name__ == "__main__":
    main()
