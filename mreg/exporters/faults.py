"""Why an export is refused."""

from __future__ import annotations

from mreg.values.errors import Refused


class DestinationTaken(Refused):
    code = "destination-taken"
    template = "{path!r} is there already"

    path: str


class NameNeeded(Refused):
    code = "name-needed"
    template = "{version} has a file {path!r} of its own, and the export needs the name"

    version: str
    path: str
