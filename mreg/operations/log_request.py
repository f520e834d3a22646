"""What `log` was asked to do, and which of it is refused unseen."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mreg import lazy
from mreg.intake.scan import Selection
from mreg.refs.keys import AliasKey
from mreg.values import names
from mreg.values.canonical import Malformed
from mreg.values.contents import Contents
from mreg.values.errors import InvalidInput, check_text
from mreg.values.named_tuple import NamedTuple
from mreg.values.records import DataSource, Origin, parse_origin, parse_source

_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*").fullmatch


class OnceOrAlways(InvalidInput):
    code = "once-or-always"
    template = "`once` and `always` cannot be combined"


class NothingToRemoveFrom(InvalidInput):
    code = "nothing-to-remove-from"
    template = "`remove` names files of the version given as `onto`, and requires it"


class LogRequest(NamedTuple):
    """All that `log` was asked to do. See `Repository.log` for the meaning of each."""

    paths: Sequence[str | os.PathLike[str]] | Contents
    artifact: str
    aliases: Sequence[str]
    links: Sequence[str]
    message: str | None
    metadata: Mapping[str, Any]
    run: str | None
    inputs: Sequence[str]
    type: str | None
    base: str | None
    selection: Selection
    dry_run: bool
    expect: str | Sequence[str] | None = None
    once: bool = False
    always: bool = False
    sources: tuple[DataSource, ...] = ()
    origin: Origin | None = None
    onto: str | None = None
    remove: Sequence[str] = ()
    captured: Mapping[str, Any] | None = None
    ttl: float = 0

    @property
    def says_nothing(self) -> bool:
        """Whether files are all there is to it: then the same files again change nothing."""
        given = self.aliases or self.links or self.metadata or self.inputs or self.sources or self.ttl
        return not given and self.message is None and self.run is None

    @property
    def models(self) -> tuple[str, ...]:
        """The registered models to link the version into."""
        return tuple(dict.fromkeys(link.partition(":")[0] for link in self.links))

    @property
    def moved(self) -> list[AliasKey]:
        """The aliases to move: of the artifact, and those that `links` name as `MODEL:ALIAS`."""
        parts = [link.partition(":") for link in self.links]
        own = [AliasKey(self.artifact, alias) for alias in self.aliases]
        return own + [AliasKey(model, alias) for model, colon, alias in parts if colon]

    def checked(self) -> LogRequest:
        """The request with its names in NFC. Raises InvalidName, OnceOrAlways, NothingToRemoveFrom."""
        if self.once and self.always:
            raise OnceOrAlways()
        if self.remove and self.onto is None:
            raise NothingToRemoveFrom()
        for value, what in ((self.message, "a message"), (self.type, "a type")):
            if value is not None:
                check_text(value, what)
        for link in self.links:
            check_text(link, "a link")
        return self._replace(
            artifact=names.check_name(self.artifact, "artifact name"),
            aliases=[names.check_alias(alias) for alias in self.aliases],
            links=[_checked_link(link) for link in self.links],
            run=None if self.run is None else names.check_name(self.run, "run"),
        )


def _checked_link(link: str) -> str:
    """`MODEL` or `MODEL:ALIAS`. Raises InvalidName."""
    model, colon, alias = link.partition(":")
    return names.check_name(model, "model name") + (f":{names.check_alias(alias)}" if colon else "")


class InvalidSource(InvalidInput):
    code = "invalid-source"
    template = "{name!r} cannot be recorded as a source of a version: {reason}"

    name: str
    reason: str


_SECRETS = re.compile(
    r"(?:^|[-_])(?:sig|signature|credentials?|token|secret|password|passwd|pwd|auth|api-?key|access-?key)$",
    re.IGNORECASE,
)


def _secret(uri: str) -> str:
    """What in the address must not be kept, in words; or nothing. Signed addresses have it among their parameters."""
    scheme, _, rest = uri.partition(":")
    account, at, _ = re.split("[/?#]", rest.removeprefix("//"), maxsplit=1)[0].rpartition("@")
    if at and rest.startswith("//") and (":" in account or scheme.casefold() in ("http", "https")):
        return "a password" if ":" in account else "an account, which may be a token"
    for part in re.split("[?&;#]", rest)[1:]:
        name = lazy.load("urllib.parse").unquote(part.partition("=")[0])
        if "=" in part and _SECRETS.search(name.replace("_", "-")):
            return f"a key or signature (`{name}`)"
    return ""


def check_source(source: DataSource) -> DataSource:
    """`source` itself where a record may hold it. A password in an address, or a signature, would stand there for ever.
    Raises InvalidSource."""
    scheme, colon, rest = source.name.partition(":")
    secret = _secret(source.name) if source.kind == "uri" else ""
    if source.kind == "uri" and not (colon and rest.strip("/") and _SCHEME(scheme)):
        raise InvalidSource(name=source.name, reason="it is not a URI such as `s3://bucket/data` or `doi:10.1000/1`")
    if secret:
        raise InvalidSource(name=f"{scheme}://…", reason=f"it contains {secret}, and records cannot be deleted")
    try:
        return parse_source(source._asdict())
    except Malformed as error:
        raise InvalidSource(name=source.name, reason=str(error)) from None


def check_origin(origin: Origin) -> Origin:
    """`origin` itself where a record may hold it. Raises InvalidSource."""
    try:
        return parse_origin(origin._asdict())
    except Malformed as error:
        raise InvalidSource(name=str(origin.system), reason=str(error)) from None
