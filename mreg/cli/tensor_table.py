"""The tensors of `mreg diff`: as a table, by layer, and as a JSON document."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mreg.cli.layout import GAP, INDENT, Column, width_of, wrapped
from mreg.cli.output import Out
from mreg.cli.text import one_line, path_text
from mreg.values.tensors import largest_change, natural
from mreg.values.words import count_text

if TYPE_CHECKING:
    from mreg import Diff, SkippedTensor, Statistics, Tensor, TensorPair

HEADINGS = ("", "tensor", "shape", "dtype", "relative", "largest", "changed", "cosine", "norm", "")
NUMBERS = range(4, 9)
FIRST_TO_GO = (8, 7, 5)
"""The columns that a narrow terminal does without, in this order; pipes and JSON have them all."""

_FIGURES = (Column("tensors", right=True), Column("differ", right=True), Column("relative", right=True))
GROUPS: tuple[str | Column, ...] = ("", "layer", *_FIGURES, "in", "bar", "")
BAR = 10

_WORDS = ("added", "removed", "renamed", "changed", "cast", "reshaped", "skipped", "equal")


class Table:
    """The tensors of one comparison. sort: of those that changed. limit: how many are listed at most. everything:
    equal ones too."""

    def __init__(self, found: Diff, sort: str, limit: int | None, everything: bool) -> None:
        assert found.tensors is not None
        self._tensors = found.tensors._replace(changed=tuple(sorted(found.tensors.changed, key=_KEYS[sort])))
        self._limit, self._everything = limit, everything

    def counts(self) -> dict[str, int]:
        return {word: len(getattr(self._tensors, word)) for word in _WORDS}

    def counts_text(self) -> str:
        return _told(self.counts(), sum(one.tensor is None for one in self._tensors.skipped))

    def by_group(self) -> dict[str, str]:
        """What is to be said of each file or set of shards."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        files: Counter[str] = Counter()
        for word in _WORDS:
            for one in getattr(self._tensors, word):
                found[_group(one)][word] += 1
                files[_group(one)] += word == "skipped" and one.tensor is None
        return {group: _told(counts, files[group]) for group, counts in sorted(found.items())}

    def show(self, out: Out) -> None:
        rows = [[one_line(cell) for cell in row] for row in self._rows()]
        shown = rows if self._limit is None else rows[: self._limit]
        if not out.terminal:
            out.table(HEADINGS, shown)
            return
        _show_rows(out, shown, _widths(shown, out.width))
        if len(rows) > len(shown):
            out.styled((f"{len(rows) - len(shown)} more; omit --limit to show all", "dim"))

    def show_groups(self, out: Out) -> None:
        """By layer, those that blew up first, then the one with the largest relative difference."""
        groups: dict[str, list[TensorPair]] = defaultdict(list)
        signs: dict[str, list[str]] = defaultdict(list)
        for word, sign in (("changed", "~"), ("cast", "c"), ("reshaped", "s"), ("renamed", ""), ("equal", "")):
            for pair in getattr(self._tensors, word):
                groups[_layer(pair.after.name)].append(pair)
                signs[_layer(pair.after.name)] += [sign] if sign else []
        largest = {group: max(map(_relative, pairs)) for group, pairs in groups.items()}
        most = max(filter(math.isfinite, largest.values()), default=0)
        order = sorted(groups, key=lambda group: (not _blew_up(groups[group]), -largest[group], natural(group)))
        rows = [_group_row(group, groups[group], signs[group], most if out.terminal else 0) for group in order]
        for sign, tensors in (("+", self._tensors.added), ("-", self._tensors.removed)):
            counts = Counter(_layer(one.name) for one in tensors)
            rows += [[sign, group, str(count), *[""] * 5] for group, count in sorted(counts.items())]
        for one in self._tensors.skipped:
            rows.append(["x", one.tensor or path_text(one.file), *[""] * 5, one.reason])
        out.table(GROUPS, rows)

    def document(self) -> dict[str, Any]:
        found, left = self._tensors, math.inf if self._limit is None else self._limit
        lists: dict[str, list[Any]] = {}
        for word in ("changed", "cast", "reshaped", "renamed", "added", "removed", "skipped", "equal"):
            some = getattr(found, word) if word != "equal" or self._everything else ()
            some = some[: None if left == math.inf else int(left)]
            left -= len(some)
            document: Callable[[Any], dict[str, Any]] = _DOCUMENTS.get(word, _pair_document)
            lists[word] = [document(one) for one in some]
        return {"counts": self.counts(), **lists}

    def _rows(self) -> Iterator[list[str]]:
        found = self._tensors
        changed = _untied(found.changed)
        yield from (_changed_row("!", *one) for one in changed if one[0].blew_up)
        yield from (_changed_row("~", *one) for one in changed if not one[0].blew_up)
        yield from (_changed_row("c", *one) for one in _untied(found.cast))
        yield from (_pair_row("s", one) for one in found.reshaped)
        yield from (_pair_row("r", one, "same bytes") for one in found.renamed)
        for sign, tensors in (("+", found.added), ("-", found.removed)):
            yield from (_tensor_row(sign, one, tensors) for one in tensors if one.tied_to is None)
        yield from (_row("x", one.tensor or path_text(one.file), "", "", note=one.reason) for one in found.skipped)
        if self._everything:
            yield from (_pair_row("=", one) for one in found.equal)


def _show_rows(out: Out, rows: list[list[str]], widths: dict[int, int]) -> None:
    """A row that does not fit takes several lines, its name the first."""
    lines = [_line(row, widths) for row in rows]
    if any(width_of(line) <= out.width for line in lines):
        out.styled((_line(HEADINGS, widths), "dim"))
    for row, line in zip(rows, lines, strict=True):
        if width_of(line) <= out.width:
            out.styled((row[0], row[0]), (line[len(row[0]) :], ""))
            continue
        sign = f"{row[0]}{GAP}" if row[0] else ""
        first, *others = wrapped(f"{sign}{row[1]}", out.width)
        out.styled((row[0], row[0]), (first[len(row[0]) :], ""))
        for part in others:
            out.styled((" " * INDENT + part, ""))
        named = [f"{heading} {cell}".strip() for heading, cell in zip(HEADINGS[2:], row[2:], strict=True) if cell]
        for part in wrapped(GAP.join(named), out.width, INDENT):
            out.styled((part, ""))


def _told(counts: Mapping[str, int], files: int) -> str:
    """files: how many of what was skipped are whole files, of which no tensor is known."""
    counts = {**counts, "skipped": counts.get("skipped", 0) - files}
    words = [f"{counts[word]} {word}" for word in _WORDS if counts.get(word)]
    tensors = f"{count_text(sum(counts.values()), 'tensor', 'tensors')}{': ' if words else ''}{', '.join(words)}"
    skipped = f"{count_text(files, 'file', 'files')} skipped"
    return f"{tensors}; {skipped}" if files and words else skipped if files else tensors


def _group(one: Tensor | TensorPair | SkippedTensor) -> str:
    tensor: Any = getattr(one, "after", one)
    return str(getattr(tensor, "group", "") or tensor.file)


def _layer(name: str) -> str:
    """The name as far as the part behind its last number, with stars for numbers; without any, its first two parts."""
    parts = name.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdecimal()]
    end = numbers[-1] + 2 if numbers else 2
    return ".".join("*" if part.isdecimal() else part for part in parts[:end])


def _blew_up(pairs: Iterable[TensorPair]) -> bool:
    return any(pair.blew_up for pair in pairs)


def _relative(pair: TensorPair) -> float:
    """Of the finite values."""
    return (pair.statistics.relative or 0.0) if pair.statistics else 0.0


def _group_row(group: str, pairs: Sequence[TensorPair], signs: list[str], most: float) -> list[str]:
    """signs: those of the tensors that differ. most: the largest finite relative difference of any group, 0 for no
    bar."""
    largest = max(pairs, key=_relative)
    relative = _relative(largest)
    filled = BAR if relative > most else round(BAR * relative / (most or 1))
    return [
        "!" if _blew_up(pairs) else signs[0] if len({*signs}) == 1 else "~" if signs else "",
        group,
        str(len(pairs)),
        str(len(signs)) if signs else "",
        _number(relative) if relative else "",
        ".".join(part for part in largest.after.name.split(".") if part.isdecimal()) if relative else "",
        "█" * filled + "·" * (BAR - filled) if most else "",
        _not_finite([pair.statistics for pair in pairs if pair.statistics]),
    ]


def _untied(pairs: Iterable[TensorPair]) -> list[tuple[TensorPair, list[str]]]:
    """Pairs that are tied to no other, each with the names that are tied to it."""
    tied: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        if pair.after.tied_to is not None:
            tied[pair.after.tied_to].append(pair.after.name)
    return [(pair, tied[pair.after.name]) for pair in pairs if pair.after.tied_to is None]


def _row(sign: str, name: str, shape: str, dtype: str, *numbers: str, note: str = "") -> list[str]:
    return [sign, name, shape, dtype, *(numbers or [""] * 5), note]


def _changed_row(sign: str, pair: TensorPair, tied: list[str]) -> list[str]:
    name, found = _arrow(pair.before.name, pair.after.name), pair.statistics
    if found is None or pair.rounded:
        return _pair_row(sign, pair, _tied_note("rounded: equal after the cast" if found else "no values", tied))
    norm = "" if found.norm_before is None else f"{found.norm_before:.3g} -> {found.norm_after:.3g}"
    numbers = (
        "" if found.relative is None else _number(found.relative),
        "" if found.largest is None else _number(found.largest),
        f"{100 * found.changed:.3g} %",
        "" if found.cosine is None else f"{found.cosine:.5f}",
        norm,
    )
    return _row(sign, name, _shape(pair.after), _dtypes(pair), *numbers, note=_tied_note(_not_finite([found]), tied))


def _tensor_row(sign: str, tensor: Tensor, tensors: Iterable[Tensor]) -> list[str]:
    tied = [one.name for one in tensors if one.tied_to == tensor.name]
    return _row(sign, tensor.name, _shape(tensor), tensor.dtype, note=_tied_note("", tied))


def _tied_note(note: str, tied: list[str]) -> str:
    return GAP.join(filter(None, (note, f"(= {', '.join(tied)})" if tied else "")))


def _not_finite(found: Sequence[Statistics]) -> str:
    """How many values of these tensors are NaN, or infinite."""
    counts = (
        ("NaN", sum(one.nan_before for one in found), sum(one.nan_after for one in found)),
        ("infinite", sum(one.inf_before for one in found), sum(one.inf_after for one in found)),
    )
    return ", ".join(f"{_arrow(str(old), str(new))} {what}" for what, old, new in counts if old or new)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2g}"


def _arrow(old: str, new: str) -> str:
    return new if old == new else f"{old} -> {new}"


def _shape(tensor: Tensor) -> str:
    return f"[{','.join(map(str, tensor.shape))}]"


def _dtypes(pair: TensorPair) -> str:
    return _arrow(pair.before.dtype, pair.after.dtype)


def _pair_row(sign: str, pair: TensorPair, note: str = "") -> list[str]:
    """Whatever differs of name, shape and dtype is told from both sides."""
    old, new = pair.before, pair.after
    name = _arrow(old.name, new.name)
    if sign == "r" and old.name == new.name:
        name = f"{name} ({old.file} -> {new.file})"
    return _row(sign, name, _arrow(_shape(old), _shape(new)), _dtypes(pair), note=note)


def _widths(rows: list[list[str]], width: int) -> dict[int, int]:
    """Of the columns that are shown, by their numbers."""
    kept = [n for n in range(len(HEADINGS) - 1) if any(row[n] for row in rows)]
    found = {n: max(map(width_of, (HEADINGS[n], *(row[n] for row in rows)))) for n in kept}
    for gone in FIRST_TO_GO:
        if max((width_of(_line(row, found)) for row in rows), default=0) > width:
            found.pop(gone, None)
    return found


def _line(row: Sequence[str], widths: dict[int, int]) -> str:
    """A note takes the place of the numbers where there are none."""
    cells = []
    for n, width in widths.items():
        if n in NUMBERS and not any(row[n] for n in NUMBERS):
            break
        space = " " * (width - width_of(row[n]))
        cells.append(space + row[n] if n in NUMBERS else row[n] + space)
    return GAP.join([*cells, row[-1]]).rstrip()


_KEYS: dict[str, Any] = {
    "relative": largest_change,
    "name": lambda pair: natural(pair.after.name),
    "size": lambda pair: (-pair.after.size, natural(pair.after.name)),
    "max": lambda pair: (-(pair.statistics.largest or 0) if pair.statistics else 0, natural(pair.after.name)),
}


def _tensor_document(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "group": tensor.group,
        "file": tensor.file,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "elements": math.prod(tensor.shape),
        "bytes": tensor.size,
        "tied_to": tensor.tied_to,
    }


_NO_STATISTICS = ("relative", "largest", "changed", "cosine", "norm_before", "norm_after")
_COUNTS = ("nan_before", "nan_after", "inf_before", "inf_after")


def _pair_document(pair: TensorPair) -> dict[str, Any]:
    found = pair.statistics
    numbers = {name: _finite(getattr(found, name, None)) for name in (*_NO_STATISTICS, *_COUNTS)}
    return {
        "before": _tensor_document(pair.before),
        "after": _tensor_document(pair.after),
        "values": found is not None,
        "rounded": pair.rounded,
        **numbers,
    }


def _renamed_document(pair: TensorPair) -> dict[str, Any]:
    return {"before": _tensor_document(pair.before), "after": _tensor_document(pair.after)}


def _skipped_document(skipped: SkippedTensor) -> dict[str, Any]:
    return {
        "path": skipped.file,
        "tensor": skipped.tensor,
        "reason": skipped.reason,
        "damaged": skipped.damaged,
        "side": "before" if skipped.before else "after",
    }


def _finite(value: Any) -> Any:
    return value if value is None or math.isfinite(value) else None


_DOCUMENTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "added": _tensor_document,
    "removed": _tensor_document,
    "reshaped": _renamed_document,
    "renamed": _renamed_document,
    "equal": _renamed_document,
    "skipped": _skipped_document,
}
