"""The facade: everything that mreg can do with a repository is a method here. The command line uses nothing else.

Most rooms load their modules when a method needs them (`mreg.lazy`): resolving one reference must not pay for
everything that mreg can do.
"""

from __future__ import annotations

from mreg import content, values
from mreg.operations.resolve import Resolved
from mreg.repository.change import Change, Changing
from mreg.repository.collections import Collections
from mreg.repository.given import Paths
from mreg.repository.labels import Labels
from mreg.repository.queries import Queries
from mreg.repository.travel import Travel
from mreg.repository.upkeep import Upkeep
from mreg.repository.versions import Versions
from mreg.session import config
from mreg.session.places import default_cache, find_repository
from mreg.values.contents import Contents
from mreg.values.progress import Progress

__all__ = [
    "Change",
    "Contents",
    "Paths",
    "Progress",
    "Repository",
    "Resolved",
    "default_cache",
    "find_repository",
    "formats",
]


class Repository(Versions, Collections, Labels, Changing, Queries, Travel, Upkeep):
    """An open repository. Create one with `open`, `find` or `init`. It can be used from several threads. `close` it, or
    use it as a context manager.

    A `reference` is a string: `NAME`, `NAME:vN`, `NAME:ALIAS`, `NAME:latest` or `NAME:@DIGEST-PREFIX`, where `NAME` is
    an artifact or a registered model. Where a method only reads, `REMOTE/` may precede it. Sizes are in bytes,
    durations in seconds, digests in hex.
    A `message` is the reason for the change, recorded in the history. A `progress` function is called after each step
    with the number of bytes done and the total.

    All methods raise subclasses of `MregError`: InvalidInput, NotFound, Conflict, Damaged, Refused or Failed; and
    OSError if the machine fails. A method that raises has changed nothing, except for Incomplete (a Failed): the change
    was made, but something failed afterwards. Packs that `gc` rewrote or a transfer sent, and entries that `mirror`
    copied, remain in any case.
    """


def formats() -> dict[str, int]:
    """The numbers of the formats that this release writes, by name: repository, journal, records, packs."""
    return {
        "repository": config.FORMAT,
        "journal": config.FORMAT,
        "records": values.formats.NEWEST,
        "packs": content.packs.FORMAT,
    }
