"""The tensors of two sides compared. What is equal is known from the recipes where they tell, else by reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final

from mreg.content.formats.spans import ITEM_SIZE
from mreg.operations import matching, patterns
from mreg.operations.measuring import Measuring, are_equal
from mreg.operations.sides import Side
from mreg.operations.tensor_source import Source, Unreadable
from mreg.values.named_tuple import NamedTuple
from mreg.values.progress import Progress
from mreg.values.records import File
from mreg.values.tensors import SkippedTensor, Tensor, TensorDiff, TensorPair, largest_change, natural

HEAD: Final = 4 << 10
"""First bytes by which tensors are looked for that may have been renamed."""

CANDIDATES: Final = 16
"""The most tensors with the same first bytes that are compared as a whole."""


class Wish(NamedTuple):
    """What is asked for. globs: patterns that names of tensors are to match. wanted: whether a name does. strip: what
    names of either side are matched without. everything: also tensors of files that are the same on both sides."""

    globs: tuple[str, ...] = ()
    wanted: Callable[[str], bool] = lambda name: True
    statistics: bool = False
    strip: tuple[str, str] = ("", "")
    everything: bool = False


def wish(tensors: bool | str | Sequence[str], statistics: bool, strip: str | tuple[str, str], everything: bool) -> Wish:
    """From what `Repository.diff` is given."""
    prefixes = (strip, strip) if isinstance(strip, str) else strip
    if isinstance(tensors, bool):
        return Wish(statistics=statistics, strip=prefixes, everything=everything)
    globs = (tensors,) if isinstance(tensors, str) else tuple(tensors)
    return Wish(globs, patterns.matcher(globs), statistics, prefixes, everything)


class _Matches(NamedTuple):
    """See `matching.Matched`; of all groups."""

    pairs: list[TensorPair]
    removed: list[Tensor]
    added: list[Tensor]


def compare(before: Side, after: Side, wish: Wish, progress: Progress | None = None) -> TensorDiff:
    """Raises UnmatchedPattern, and what reading local files raises; damage in the repository is told in the result."""
    return _Comparing(Source(before, before=True), Source(after, before=False), wish, progress).result()


class _Comparing:
    def __init__(self, before: Source, after: Source, wish: Wish, progress: Progress | None) -> None:
        self._before, self._after, self._wish = before, after, wish
        self._measuring = Measuring(before, after, progress)
        self._skipped: list[SkippedTensor] = []

    def result(self) -> TensorDiff:
        pairs, removed, added = self._matches()
        prefixes = matching.prefixes(removed, added)
        renamed = self._renamed(removed, added)
        kinds: dict[str, list[TensorPair]] = defaultdict(list)
        for pair in self._wanted(pairs):
            kinds[self._kind(pair)].append(pair)
        wanted = self._wish.wanted
        return TensorDiff(
            changed=tuple(sorted(self._measured(kinds["changed"]), key=largest_change)),
            cast=_sorted(self._measured(kinds["cast"])),
            reshaped=_sorted(kinds["reshaped"]),
            renamed=_sorted(self._wanted(renamed)),
            added=_by_name(_tied([one for one in added if wanted(one.name)], self._after)),
            removed=_by_name(_tied([one for one in removed if wanted(one.name)], self._before)),
            equal=_sorted(kinds["equal"]),
            skipped=(*self._before.skipped, *self._after.skipped, *self._skipped),
            prefixes=prefixes,
        )

    def _matches(self) -> _Matches:
        old, new = self._before.groups(), self._after.groups()
        same: dict[str, list[File]] = {}
        if not self._wish.everything:
            same = {key: files for key, files in old.items() if files == new.get(key)}
            old, new = ({key: side[key] for key in side if key not in same} for side in (old, new))
        old_tensors = {key: self._before.tensors(files, key) for key, files in old.items()}
        new_tensors = {key: self._after.tensors(files, key) for key, files in new.items()}
        self._require_matches([*old_tensors.values(), *new_tensors.values()], same)
        unclear = {(one.file, one.before) for source in (self._before, self._after) for one in source.skipped}
        old = {key: files for key, files in old.items() if old_tensors[key] or _any(files, True, unclear)}
        new = {key: files for key, files in new.items() if new_tensors[key] or _any(files, False, unclear)}
        found = _Matches([], [], [])
        for one, other in matching.paired(old, new):
            matched = matching.matched(
                old_tensors[one] if one else [], new_tensors[other] if other else [], self._wish.strip
            )
            found.pairs.extend(TensorPair(*pair) for pair in matched.pairs)
            # Beside a file of which not all is known, they may have counterparts.
            if not _any(new.get(other or "", ()), False, unclear):
                found.removed.extend(matched.before)
            if not _any(old.get(one or "", ()), True, unclear):
                found.added.extend(matched.after)
        return found

    def _require_matches(self, listed: Iterable[Iterable[Tensor]], same: dict[str, list[File]]) -> None:
        """Raises UnmatchedPattern, unless files whose tensors cannot be told may have one. same: what is equal on both
        sides, and looked at only if it has to be."""
        if not self._wish.globs:
            return
        known = {one.name for tensors in listed for one in tensors}
        missed = patterns.unmatched(self._wish.globs, known)
        if missed:
            known |= {one.name for key, files in same.items() for one in self._before.tensors(files, key)}
            missed = patterns.unmatched(missed, known)
        if missed and not (self._before.skipped or self._after.skipped):
            before, after = self._before.name, self._after.name
            raise patterns.UnmatchedPattern(
                before=before, after=after, pattern=missed[0], near=patterns.near(missed[0], known)
            )

    def _wanted(self, pairs: Iterable[TensorPair]) -> list[TensorPair]:
        wanted = self._wish.wanted
        return [pair for pair in pairs if wanted(pair.before.name) or wanted(pair.after.name)]

    def _renamed(self, removed: list[Tensor], added: list[Tensor]) -> list[TensorPair]:
        """Take out those of either side whose bytes are the same: first by what the recipes tell, then by reading."""
        found: list[TensorPair] = []
        for old_key, new_key in (
            (self._before.identity, self._after.identity),
            (lambda one: _head(self._before, one), lambda one: _head(self._after, one)),
        ):
            alike = {_form(one) for one in removed}.intersection(map(_form, added))
            candidates: dict[Hashable, list[Tensor]] = defaultdict(list)
            for other in added:
                if _form(other) in alike and (key := _attempt(new_key, other)) is not None:
                    candidates[key].append(other)
            for one in [one for one in removed if _form(one) in alike]:
                key = _attempt(old_key, one)
                if twin := self._same_bytes(one, candidates.get(key, [])):
                    candidates[key].remove(twin)
                    removed.remove(one)
                    added.remove(twin)
                    found.append(TensorPair(one, twin))
        return found

    def _same_bytes(self, one: Tensor, candidates: Sequence[Tensor]) -> Tensor | None:
        nearest = sorted(candidates[:CANDIDATES], key=lambda other: other.name != one.name)
        return next((other for other in nearest if self._are_equal(one, other)), None)

    def _are_equal(self, one: Tensor, other: Tensor) -> bool | None:
        """None where that cannot be told, which is then noted."""
        try:
            return are_equal(self._before, one, self._after, other)
        except Unreadable as error:
            self._skipped.append(error.skipped)
            return None

    def _kind(self, pair: TensorPair) -> str:
        """Which field of a TensorDiff it belongs to; "" where it has been noted as skipped."""
        one, other = pair.before, pair.after
        if one.shape != other.shape:
            return "reshaped"
        if (one.order != other.order or not one.order) and self._before.place(one) != self._after.place(other):
            reason = "its elements are stored in different orders on the two sides"
            self._skipped.append(SkippedTensor(one.file, one.name, reason))
            return ""
        if one.dtype != other.dtype:
            return "cast"
        equal = self._are_equal(one, other)
        return "" if equal is None else "equal" if equal else "changed"

    def _measured(self, pairs: list[TensorPair]) -> list[TensorPair]:
        """With their statistics, if they are wanted. Of tied tensors they are made once."""
        keys = [(self._before.identity(pair.before), self._after.identity(pair.after)) for pair in pairs]
        first: dict[Hashable, TensorPair] = {}
        for key, pair in zip(keys, pairs, strict=True):
            first.setdefault(key, pair)
        done = self._with_statistics(first)
        found = []
        for key, pair in zip(keys, pairs, strict=True):
            result = done[key]
            if isinstance(result, SkippedTensor):
                self._skipped.append(result._replace(tensor=pair.before.name))
            elif first[key] is pair or None in key:
                found.append(pair._replace(statistics=result.statistics, rounded=result.rounded))
            else:
                tied = pair.after._replace(tied_to=first[key].after.name)
                found.append(pair._replace(after=tied, statistics=result.statistics, rounded=result.rounded))
        return found

    def _with_statistics(self, pairs: dict[Hashable, TensorPair]) -> dict[Hashable, TensorPair | SkippedTensor]:
        done: dict[Hashable, TensorPair | SkippedTensor] = dict(pairs)
        if self._wish.statistics:
            keys = [key for key, one in pairs.items() if {one.before.dtype, one.after.dtype} <= ITEM_SIZE.keys()]
            done.update(zip(keys, self._measuring.measured([pairs[key] for key in keys]), strict=True))
        return done


def _any(files: Iterable[File], before: bool, unclear: set[tuple[str, bool]]) -> bool:
    """Is any file of this side among them?"""
    return any((file.path, before) in unclear for file in files)


def _form(tensor: Tensor) -> Hashable:
    return tensor.dtype, tensor.shape, tensor.order


def _head(source: Source, tensor: Tensor) -> Hashable:
    """The first bytes, to find what may be the same. None where there are none."""
    if not tensor.size or not tensor.order:
        return None
    data = source.read(tensor, 0, min(HEAD, tensor.size))
    return _form(tensor), bytes(data)


def _attempt(key: Callable[[Tensor], Hashable], tensor: Tensor) -> Hashable:
    """None where the tensor cannot be read: then it is not known to be another one renamed."""
    try:
        return key(tensor)
    except Unreadable:
        return None


def _tied(tensors: Iterable[Tensor], source: Source) -> list[Tensor]:
    """Of several with the same bytes all but the first bear its name."""
    first: dict[Hashable, str] = {}
    found = []
    for tensor in tensors:
        key = _attempt(source.identity, tensor)
        name = first.setdefault(key, tensor.name) if key is not None else tensor.name
        found.append(tensor if name == tensor.name else tensor._replace(tied_to=name))
    return found


def _sorted(pairs: Iterable[TensorPair]) -> tuple[TensorPair, ...]:
    return tuple(sorted(pairs, key=lambda pair: natural(pair.after.name)))


def _by_name(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    return tuple(sorted(tensors, key=lambda tensor: natural(tensor.name)))
