"""The facade: whatever mreg can do with a repository is a method here. The command line uses nothing else.

Most rooms load their modules when a method needs them (`mreg.lazy`): a question about one reference must not pay for
all that mreg can do.
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
    """An open repository. Make one with `open`, `find` or `init`; usable from several threads; `close` it,
    or use it as a context manager.

    Where a method takes a `reference`, that is `NAME[:vN | :ALIAS | :latest | :@DIGEST-PREFIX]`, `NAME` being
    an artifact or a registered model. All methods raise subclasses of `MregError`: InvalidInput, NotFound,
    Conflict, Damaged, Refused or Failed, and OSError where the machine fails. A method that raised has
    changed nothing, unless it raised Incomplete, a Failed: the change was made, and then something failed. What stays
    in any case: packs that `gc` repacked or a transfer sent, and entries that `mirror` copied.
    """


def formats() -> dict[str, int]:
    """The numbers of the formats that this release writes."""
    return {
        "repository": config.FORMAT,
        "journal": config.FORMAT,
        "records": values.formats.NEWEST,
        "packs": content.packs.FORMAT,
    }
