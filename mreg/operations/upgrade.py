"""`upgrade`: raise the format of a repository."""

from __future__ import annotations

from mreg.refs import heading
from mreg.refs.keys import CONFIG
from mreg.refs.transaction import Draft
from mreg.session.context import Context
from mreg.values import formats
from mreg.values.named_tuple import NamedTuple

__all__ = ["Upgraded"]


class Upgraded(NamedTuple):
    """before, format: the number of the repository's format before and after. seq: the entry that raised it, None where
    it was the newest already."""

    before: int
    format: int
    seq: int | None


def upgrade(context: Context) -> Upgraded:
    """Raise the format to the newest one. Nothing is converted: one entry changes the first line of config.toml, and
    is itself of the new format, so that releases which do not know it commit nothing behind it."""

    def build(draft: Draft) -> int:
        head, settings = heading.parse(draft.value(CONFIG) or "")
        draft.set(CONFIG, f"{head._replace(format=formats.NEWEST)}{settings}")
        return head.format

    entry, before, *_ = context.commit("upgrade", build)
    return Upgraded(before, formats.NEWEST, entry.seq if entry else None)
