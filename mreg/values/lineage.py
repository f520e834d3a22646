"""What a version was made from, and what was made from it."""

from __future__ import annotations

from datetime import datetime

from mreg.values.entities import Consumer
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import DataSource

__all__ = ["Lineage", "LineageNode", "LineageStep"]


class LineageNode(NamedTuple):
    """A version in a lineage. name: `artifact:vN`, as it is called now, or was when it was named as an input. state:
    "live", "deleted", or "unknown", where this repository does not have it (any more). digest: of its record, which
    nothing else in the lineage shares. commit, dirty: of the git checkout that it was logged from. sources: files and
    URIs that went into it. links, aliases: that hold it now, those of registered models as `model:alias`.
    consumers: the runs that used it."""

    digest: str
    name: str
    state: str = "live"
    created: datetime | None = None
    author: str = ""
    run: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    sources: tuple[DataSource, ...] = ()
    links: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    consumers: tuple[Consumer, ...] = ()


class LineageStep(NamedTuple):
    """`result` was made from `input`; both are digests."""

    input: str
    result: str


class Lineage(NamedTuple):
    """Around the version `digest`: the nodes, itself first, and the steps between them."""

    digest: str
    nodes: tuple[LineageNode, ...]
    steps: tuple[LineageStep, ...]
