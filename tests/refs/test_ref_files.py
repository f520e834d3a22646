"""Ref files: a small text with a check sum, in which no damage goes unseen and nothing old comes back."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings, strategies as st

from mreg.refs import ref_files
from mreg.refs.journal import Change, Entry
from mreg.refs.keys import parse
from mreg.refs.ref_files import NEVER, DamagedRef, Ref
from mreg.storage import ABSENT
from mreg.storage.memory import MemoryStorage
from mreg.values.digest import digest

FILES = [
    "artifacts/mnist/v0",
    "artifacts/mnist/v0.toml",
    "artifacts/mnist/artifact.toml",
    "registered/Digits/model.toml",
    "registered/Digits/card.md",
    "aliases/mnist/best",
    "aliases/mnist/notes.md",
    "config.toml",
]
TABLES = ["registered/Digits/links", "runs/train-7", "runs/odd.md"]
VERSION = digest(b"a version record")

MARKDOWN = """# Digits

| metric | value |
| --- | --- |
| `acc` | 0.98 |

<!-- mreg seq=3 check=0123456789abcdef -->
# mreg deleted seq=9 check=0123456789abcdef

"""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
counts = st.integers(0, 2**53)
lines = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True)
line_values = st.from_regex(r"[A-Za-z0-9._-]{1,20}:v[0-9]{1,4}( [0-9a-f]{64})?", fullmatch=True)
line_refs = st.builds(
    lambda value, seq, dead: Ref(None, seq, value) if dead else Ref(value, seq), line_values, counts, st.booleans()
)


def entry(seq: int, *changes: tuple[str, str | None, str | None]) -> Entry:
    return Entry(
        seq, "", f"id {seq}", "2026-01-01T00:00:00.000000Z", "ann", "host", "test", tuple(map(Change._make, changes))
    )


# What is written can be read.


@pytest.mark.parametrize("key", FILES)
@given(text=texts, seq=counts)
@example(text=MARKDOWN, seq=7)
@example(text="", seq=0)
@example(text="\n\n", seq=1)
@example(text="\r\nx\r\n", seq=1)
@example(text="a\x00b\u2028c\x85", seq=1)
@settings(deadline=None, max_examples=40)
def test_any_text_is_read_as_it_was_written(key: str, text: str, seq: int) -> None:
    assert ref_files.decode(key, ref_files.encode(key, Ref(text, seq))) == Ref(text, seq)


@pytest.mark.parametrize("key", FILES)
@given(last=texts, seq=counts)
@example(last=MARKDOWN, seq=7)
@settings(deadline=None, max_examples=40)
def test_a_tombstone_has_no_value_and_remembers_its_last(key: str, last: str, seq: int) -> None:
    assert ref_files.decode(key, ref_files.encode(key, Ref(None, seq, last))) == Ref(None, seq, last)


@pytest.mark.parametrize("file", TABLES)
@given(table=st.dictionaries(lines, line_refs, min_size=1, max_size=8))
@settings(deadline=None, max_examples=40)
def test_a_table_is_read_as_it_was_written_and_in_its_order(file: str, table: dict[str, Ref]) -> None:
    found = ref_files.decode_table(file, ref_files.encode_table(file, table))

    assert list(found.items()) == list(table.items())


def test_a_ref_file_is_plain_text_with_the_value_first() -> None:
    text = ref_files.encode("aliases/mnist/best", Ref("v3", 12)).decode()

    first, last = text.splitlines()
    assert first == "v3"
    assert last.startswith("# mreg seq=12 check=")


def test_the_last_line_of_a_card_is_a_markdown_comment() -> None:
    text = ref_files.encode("registered/Digits/card.md", Ref("# Digits", 12)).decode()

    assert text.splitlines()[-1].startswith("<!-- mreg seq=12 check=")
    assert text.endswith(" -->\n")


# No damage goes unseen.

SAMPLES = {
    "version": ("artifacts/mnist/v0", Ref(VERSION, 5)),
    "alias": ("aliases/mnist/best", Ref("v3", 12)),
    "deleted alias": ("aliases/mnist/best", Ref(None, 13, "v3")),
    "card": ("registered/Digits/card.md", Ref(MARKDOWN, 9)),
    "properties": ("artifacts/mnist/artifact.toml", Ref('type = "model"\n', 1)),
}
TABLE = {"v0": Ref(f"mnist:v0 {VERSION}", 3), "v1": Ref(None, 9, f"mnist:v1 {VERSION}")}


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_flipped_bit_is_seen(sample: str) -> None:
    key, ref = SAMPLES[sample]
    data = ref_files.encode(key, ref)

    for at, bit in itertools.product(range(len(data)), range(8)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << bit
        with pytest.raises(DamagedRef):
            ref_files.decode(key, bytes(damaged))


def test_every_flipped_bit_of_a_table_is_seen() -> None:
    data = ref_files.encode_table("registered/Digits/links", TABLE)

    for at, bit in itertools.product(range(len(data)), range(8)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << bit
        with pytest.raises(DamagedRef):
            ref_files.decode_table("registered/Digits/links", bytes(damaged))


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_file_that_was_cut_short_or_grew_is_seen(sample: str) -> None:
    key, ref = SAMPLES[sample]
    data = ref_files.encode(key, ref)

    for damaged in [*(data[:end] for end in range(len(data))), data + b"\n", b"\n" + data, data + data, data + b"\0"]:
        with pytest.raises(DamagedRef):
            ref_files.decode(key, damaged)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("elsewhere", ["artifacts/mnist/v1", "aliases/mnist/production", "registered/Letters/card.md"])
def test_a_file_that_was_moved_to_another_key_is_seen(sample: str, elsewhere: str) -> None:
    key, ref = SAMPLES[sample]

    with pytest.raises(DamagedRef):
        ref_files.decode(elsewhere, ref_files.encode(key, ref))


def test_a_table_that_was_moved_to_another_key_is_seen() -> None:
    data = ref_files.encode_table("registered/Digits/links", TABLE)

    with pytest.raises(DamagedRef):
        ref_files.decode_table("registered/Letters/links", data)


@pytest.mark.parametrize("key", ["artifacts/mnist/v0", "registered/Digits/card.md"])
@given(data=st.binary(max_size=300))
@example(data=b"x\n# mreg seq=" + b"9" * 5000 + b" check=0\n")
@example(data="x\n# mreg seq=²\n".encode())
@settings(deadline=None, max_examples=100)
def test_arbitrary_bytes_are_damage_and_nothing_worse(key: str, data: bytes) -> None:
    with pytest.raises(DamagedRef):
        ref_files.decode(key, data)
    with pytest.raises(DamagedRef):
        ref_files.decode_table(key, data)


@pytest.mark.parametrize(
    "text",
    ["", "v0", "v0 x", "v0 seq=1", "v0 x seq=", "v0 x seq=²", "v0 x seq=-1", "v0 x seq=" + "9" * 5000, " x seq=1"],
)
def test_a_table_with_a_line_of_another_form_is_damage_even_if_its_check_sum_fits(text: str) -> None:
    data = ref_files.encode("registered/Digits/links", Ref(text, 5))

    with pytest.raises(DamagedRef):
        ref_files.decode_table("registered/Digits/links", data)


# Applying entries.


def test_a_deletion_leaves_a_tombstone_that_remembers_entry_and_value(storage: MemoryStorage) -> None:
    ref_files.apply(storage, entry(1, ("aliases/mnist/best", None, "v0")))

    ref_files.apply(storage, entry(2, ("aliases/mnist/best", "v0", None)))

    assert ref_files.read(storage, parse("aliases/mnist/best")) == Ref(None, 2, "v0")


def test_a_line_that_is_deleted_stays_in_its_table(storage: MemoryStorage) -> None:
    value = f"mnist:v0 {VERSION}"
    ref_files.apply(storage, entry(1, ("registered/Digits/links#v0", None, value)))

    ref_files.apply(storage, entry(2, ("registered/Digits/links#v0", value, None)))

    assert ref_files.read_table(storage, "registered/Digits/links") == {"v0": Ref(None, 2, value)}


def test_what_never_existed_is_told_from_what_was_deleted(storage: MemoryStorage) -> None:
    assert ref_files.read(storage, parse("aliases/mnist/best")) == NEVER
    assert ref_files.read(storage, parse("registered/Digits/links#v0")) == NEVER
    assert ref_files.read_table(storage, "registered/Digits/links") == {}


def test_a_writer_that_wakes_up_late_does_not_bring_an_old_value_back(storage: MemoryStorage) -> None:
    first = entry(1, ("aliases/mnist/best", None, "v0"))
    ref_files.apply(storage, entry(3, ("aliases/mnist/best", "v0", None)))
    before = storage.get("aliases/mnist/best")

    ref_files.apply(storage, first)

    assert storage.get("aliases/mnist/best") == before


def test_applying_again_writes_nothing(storage: MemoryStorage) -> None:
    change = entry(1, ("aliases/mnist/best", None, "v0"), ("registered/Digits/links#v0", None, f"mnist:v0 {VERSION}"))
    ref_files.apply(storage, change)
    before = {key: storage.get(key) for key in storage.list("")}

    ref_files.apply(storage, change)

    assert {key: storage.get(key) for key in storage.list("")} == before  # the same puts, not only the same bytes


def test_a_damaged_file_is_mended_by_the_entry_that_has_its_value(storage: MemoryStorage) -> None:
    storage.put("aliases/mnist/best", b"\0\0\0", ABSENT)

    ref_files.apply(storage, entry(4, ("aliases/mnist/best", "v0", "v1")))

    assert ref_files.read(storage, parse("aliases/mnist/best")) == Ref("v1", 4)


def test_a_damaged_table_is_not_overwritten_because_its_other_lines_would_be_lost(storage: MemoryStorage) -> None:
    storage.put("registered/Digits/links", b"\0\0\0", ABSENT)

    with pytest.raises(DamagedRef):
        ref_files.apply(storage, entry(4, ("registered/Digits/links#v1", None, f"mnist:v0 {VERSION}")))

    value = storage.get("registered/Digits/links")
    assert value is not None and value.data == b"\0\0\0"


def test_what_a_ref_names_is_written_before_it_and_deleted_after_it(storage: MemoryStorage) -> None:
    order: list[str] = []

    class Recorder(MemoryStorage):
        def put(self, key, value, expect=ABSENT):  # type: ignore[no-untyped-def]
            order.append(key)
            return super().put(key, value, expect)

    recorder = Recorder()
    changes = [
        ("aliases/Digits/best", None, "v0"),
        ("registered/Digits/links#v0", None, f"mnist:v0 {VERSION}"),
        ("artifacts/mnist/v0", None, VERSION),
    ]
    ref_files.apply(recorder, entry(1, *changes))
    made, order[:] = order[:], []
    ref_files.apply(recorder, entry(2, *((key, new, None) for key, _, new in changes)))

    assert made == ["artifacts/mnist/v0", "registered/Digits/links", "aliases/Digits/best"]
    assert order == made[::-1]


KEYS = ["aliases/m/a", "aliases/m/b", "registered/M/links#v0", "registered/M/links#v1", "registered/M/card.md"]


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Entries as a journal would have them: every old value is what the entry before left."""
    state: dict[str, str | None] = dict.fromkeys(KEYS)
    history = []
    for seq in range(1, draw(st.integers(1, 8)) + 1):
        changes = []
        for key in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True)):
            new = None if state[key] is not None and draw(st.booleans()) else f"m:v{seq} {VERSION}"
            changes.append((key, state[key], new))
            state[key] = new
        history.append(entry(seq, *changes))
    return history


def states(storage: MemoryStorage) -> dict[str, Ref]:
    return {key: ref_files.read(storage, parse(key)) for key in KEYS}


@given(history=histories(), data=st.data())
@settings(deadline=None, max_examples=150)
def test_late_repeated_and_disordered_applying_ends_in_the_same_state(
    history: list[Entry], data: st.DataObject
) -> None:
    straight, chaotic = MemoryStorage(), MemoryStorage()
    for one in history:
        ref_files.apply(straight, one)
    noise = data.draw(st.lists(st.sampled_from(history), max_size=12))
    order = data.draw(st.permutations([*history, *noise]))

    for one in order:
        ref_files.apply(chaotic, one)

    assert states(chaotic) == states(straight)


@given(history=histories(), data=st.data())
@settings(deadline=None, max_examples=100)
def test_going_on_from_any_half_applied_point_ends_in_the_same_state(history: list[Entry], data: st.DataObject) -> None:
    straight, crashed = MemoryStorage(), MemoryStorage()
    for one in history:
        ref_files.apply(straight, one)
    done = data.draw(st.integers(0, len(history) - 1))
    torn = history[done]
    for one in history[:done]:
        ref_files.apply(crashed, one)
    part = data.draw(st.integers(0, len(torn.changes)))
    ref_files.apply(crashed, torn._replace(changes=torn.changes[:part]))

    for one in history[data.draw(st.integers(0, done)) :]:
        ref_files.apply(crashed, one)

    assert states(crashed) == states(straight)
