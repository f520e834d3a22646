"""Arguments in the forms that people give them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mreg import operations, values

if TYPE_CHECKING:
    from mreg.operations.search import Wanted
    from mreg.values.filters.filter import Filter

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def wanted(
    text: str,
    where: str | Filter | Sequence[str | Filter],
    sort: str | Sequence[str],
    limit: int | None,
    within: str | Sequence[str],
) -> Wanted:
    if limit is not None and limit < 0:
        raise ValueError(f"limit must not be negative, but is {limit}")
    every = [where] if isinstance(where, str | values.filters.filter.Filter) else list(where)
    filters = tuple(values.filters.filter.Filter(one) if isinstance(one, str) else one for one in every)
    return operations.search.Wanted(filters, text, texts(sort), limit, texts(within))


def texts(given: Sequence[str]) -> tuple[str, ...]:
    """One text stands for itself, not for its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def listed(paths: Paths) -> list[str | os.PathLike[str]]:
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)
