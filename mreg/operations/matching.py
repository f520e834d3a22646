"""Which tensor of one side is compared with which of the other: by the rules of docs/compare.md."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from mreg.values.named_tuple import NamedTuple
from mreg.values.records import File
from mreg.values.tensors import Tensor

Groups = Mapping[str, Sequence[File]]
"""Files by what they are called together: a set of shards by the name of the file that it was made from."""

INDEX: Final = ".index.json"
"""How the name of a file ends that lists shards."""

PREFIX_PARTS: Final = 4
"""The most parts of a prefix that is proposed (`_orig_mod.module.model.`)."""

_SHARD: Final = re.compile(r"(.*)-\d{5}-of-\d{5}(\.[A-Za-z0-9]+)", re.DOTALL)
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,12}\Z")


class Matched(NamedTuple):
    """pairs: of one name. before, after: those of either side that have no counterpart."""

    pairs: Sequence[tuple[Tensor, Tensor]]
    before: Sequence[Tensor]
    after: Sequence[Tensor]


def grouped(files: Iterable[File], shards: Mapping[str, str]) -> dict[str, list[File]]:
    """shards: by the path of a file, what the set is called that an index counts it among."""
    found: dict[str, list[File]] = defaultdict(list)
    for file in files:
        pieces = _SHARD.fullmatch(file.path)
        found[shards.get(file.path) or (pieces[1] + pieces[2] if pieces else file.path)].append(file)
    return found


def paired(before: Groups, after: Groups) -> Iterator[tuple[str | None, str | None]]:
    """The groups that are compared with each other: of the same name, else of the same content, else of the same name
    but for its ending, else the only ones left. None beside those without a counterpart."""
    old, new = dict(before), dict(after)
    for key_of in (_name, _content, _stem):
        for one, other in _alike(old, new, key_of):
            del old[one], new[other]
            yield one, other
    if len(old) == len(new) == 1:
        yield next(iter(old)), next(iter(new))
        return
    yield from ((key, None) for key in old)
    yield from ((None, key) for key in new)


def _alike(old: Groups, new: Groups, key_of: Callable[[str, Sequence[File]], Hashable]) -> list[tuple[str, str]]:
    """Those whose keys are equal, and unique on either side."""
    keys = [{name: key_of(name, files) for name, files in groups.items()} for groups in (old, new)]
    unique = [{key: name for name, key in some.items() if Counter(some.values())[key] == 1} for some in keys]
    return [(name, unique[1][key]) for key, name in unique[0].items() if key in unique[1]]


def _name(name: str, files: Sequence[File]) -> Hashable:
    return name


def _content(name: str, files: Sequence[File]) -> Hashable:
    return tuple(file.digest for file in files)


def _stem(name: str, files: Sequence[File]) -> Hashable:
    return _SUFFIX.sub("", name)


def matched(before: Sequence[Tensor], after: Sequence[Tensor], strip: tuple[str, str]) -> Matched:
    """By name, without the prefixes in `strip`. Where a side has a name several times, by their order."""
    old, new = (_by_name(side, prefix) for side, prefix in zip((before, after), strip, strict=True))
    pairs, removed, added = [], [], []
    for name, those in old.items():
        for one, other in zip_longest(those, new.pop(name, ())):
            if one is None:
                added.append(other)
            elif other is None:
                removed.append(one)
            else:
                pairs.append((one, other))
    return Matched(pairs, removed, [*added, *(tensor for those in new.values() for tensor in those)])


def _by_name(tensors: Iterable[Tensor], prefix: str) -> dict[str, list[Tensor]]:
    found: dict[str, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        found[tensor.name.removeprefix(prefix)].append(tensor)
    return found


def prefixes(before: Iterable[Tensor], after: Iterable[Tensor]) -> tuple[str, str]:
    """What all names of one side begin with and none of the other's, if names would then be found there."""
    old, new = {tensor.name for tensor in before}, {tensor.name for tensor in after}
    return _prefix(old, new), _prefix(new, old)


def _prefix(names: set[str], others: set[str]) -> str:
    first, last = (name.split(".")[:-1] for name in (min(names, default=""), max(names, default="")))
    parts = [one for one, other in zip(first, last, strict=False) if one == other][:PREFIX_PARTS]
    for count in range(1, 1 + len(parts)):
        prefix = ".".join(parts[:count]) + "."
        if any(name.startswith(prefix) for name in others):
            continue
        if any(name.removeprefix(prefix) in others for name in names):
            return prefix
    return ""
