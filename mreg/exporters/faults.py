"""Why an export is refused."""

from __future__ import annotations

from mreg.values.errors import Refused


class DestinationTaken(Refused):
    code = "destination-taken"
    template = "{path!r} exists already"

    path: str


class NameNeeded(Refused):
    code = "name-needed"
    template = "{version} has a file {path!r}, a name that the export needs for itself"

    version: str
    path: str
