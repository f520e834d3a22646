"""What the text of a location means: a folder, or a URL. Whatever looks like a URL is never taken for a folder."""

from __future__ import annotations

import os
import re

from mreg import lazy
from mreg.session.nearest import is_url
from mreg.values.errors import InvalidInput
from mreg.values.named_tuple import NamedTuple

BUCKETS = ("s3", "gs", "az")
WEB = ("https", "http")
REMOTES = (*BUCKETS, "ssh", *WEB)
"""Of the URLs of what is reached over a network."""
SCHEMES = ("file", *REMOTES)
"""Of the URLs that can be opened."""

_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")


class InvalidLocation(InvalidInput):
    code = "invalid-location"
    template = "{location!r} is not a valid location: {reason}"

    location: str
    reason: str


class UnknownScheme(InvalidInput):
    code = "unknown-scheme"
    template = "{location!r} looks like a URL, but mreg does not support {scheme}:// (only {known})"

    location: str
    scheme: str
    known: str


class NeedsFolder(InvalidInput):
    """A URL in a place where only a folder is possible."""

    code = "needs-folder"
    template = "{location!r} looks like a URL, but {what} must be a folder"

    location: str
    what: str


class Url(NamedTuple):
    """scheme: in lower case. host, path: what follows `scheme://`, up to the next slash and from there on."""

    scheme: str
    host: str
    path: str

    def __str__(self) -> str:
        """The URL as it may be printed: without what may be a secret, which is anything behind `?`, and anything before
        `@` but the account of an ssh:// URL."""
        host, path = (re.split(r"[?#]", part, maxsplit=1)[0] for part in (self.host, self.path))
        account, _, host = host.rpartition("@")
        account = f"{account}@" if self.scheme == "ssh" and _ACCOUNT.fullmatch(account) else ""
        return f"{self.scheme}://{account}{host}{path}"


_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_HOST = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
"""No host begins with a hyphen: some programs take it for an option."""


def url_of(location: str | os.PathLike[str]) -> Url | None:
    """The URL that the location looks like; None for a folder."""
    text = os.fspath(location)
    if not is_url(text):
        return None
    scheme, _, rest = text.partition(":/")
    if rest.startswith("/") or scheme.lower() != "file":
        host, slash, path = rest.removeprefix("/").partition("/")
    else:  # file:/srv/models
        host, slash, path = "", "/", rest
    return Url(scheme.lower(), host, slash + path)


def remote_of(location: str | os.PathLike[str]) -> Url | None:
    """What the location names that is reached over a network, a bucket or a server, and the folder in it; None for a
    folder of this machine. Raises InvalidLocation."""
    url = url_of(location)
    if url is None or url.scheme not in REMOTES:
        return None
    is_plain = str(url) == f"{url.scheme}://{url.host}{url.path}"
    if not is_plain or (url.scheme in BUCKETS and ":" in url.host + url.path):
        # so that no key can come to stand in a message or a shell's history
        reason = _CREDENTIALS.get(url.scheme, _CREDENTIALS[""])
        raise InvalidLocation(
            location=str(url), reason="it must not contain a colon" if is_plain and ":" not in url.host else reason
        )
    if url.scheme not in BUCKETS:
        _check_server(url)
    return url._replace(path=url.path.rstrip("/"))


_CREDENTIALS = {
    "ssh": "write ssh://HOST/PATH or ssh://USER@HOST/PATH; passwords and keys belong in ssh's own configuration",
    **dict.fromkeys(WEB, "mreg stores no addresses with credentials, and cannot read what requires them"),
    "": "credentials belong in the environment or a profile",
}


def _check_server(url: Url) -> None:
    host = url.host.rpartition("@")[2]
    if not _HOST.fullmatch(host):
        raise InvalidLocation(location=str(url), reason=f"write {url.scheme}://HOST/PATH")
    if not url.path.isprintable() or "\\" in url.path or ".." in url.path.split("/"):
        raise InvalidLocation(location=str(url), reason="its path cannot be requested")
    if url.scheme == "http" and re.sub(r":[0-9]+$", "", host) not in _THIS_MACHINE:
        raise InvalidLocation(location=str(url), reason="http:// is only allowed for this machine; write https://")
    if url.scheme == "ssh" and not url.path.strip("/"):
        raise InvalidLocation(location=str(url), reason="it contains no folder; write ssh://HOST/PATH")


def folder_of(location: str | os.PathLike[str], what: str = "this") -> str:
    """The folder that the location names, as it is or by a file:// URL. what: for what it is given. Raises
    UnknownScheme, InvalidLocation, NeedsFolder."""
    url = url_of(location)
    if url is None:
        return os.fspath(location)
    if url.scheme in REMOTES:
        raise NeedsFolder(location=str(url), what=what)
    if url.scheme != "file":
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise UnknownScheme(location=str(url), scheme=url.scheme, known=known)
    if url.host not in ("", "localhost") or not url.path:
        raise InvalidLocation(location=str(url), reason="write file:///PATH, with three slashes")
    return os.fsdecode(lazy.load("urllib.parse").unquote_to_bytes(url.path))


def text_of(folder: str) -> str:
    """The folder as a text that a file can hold and a terminal can show: itself, or a file:// URL where its name is no
    Unicode or has characters that are not printed."""
    if folder.isprintable():  # surrogates, which stand for bytes that are no UTF-8, are not
        return folder
    return f"file://{lazy.load('urllib.parse').quote_from_bytes(os.fsencode(folder))}"


def check_folder(location: str | os.PathLike[str], what: str) -> None:
    """what: is given by this location, and must be a folder. Raises NeedsFolder where it looks like a URL."""
    url = url_of(location)
    if url is not None:
        raise NeedsFolder(location=str(url), what=what)
