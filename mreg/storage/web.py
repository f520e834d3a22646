"""A copy of a repository behind a web server, to be read: whatever serves files will do, with ranges or without.

A server may lie, by mistake or on purpose: what it says of sizes and ranges is compared with what was asked and with
what came, and whether the bytes are right is for the layers above, which know digests. Nothing but the URL decides what
is asked: credentials are sent nowhere, and redirects lead to encrypted addresses or to this machine.
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import shutil
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import OrderedDict
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import IO, Any

from mreg.storage.answers import NoServer
from mreg.storage.base import ANY, MAX_VALUE, Expect, Listed, Remote, Stat, TooLarge, Value
from mreg.storage.keys import check_key
from mreg.values.errors import Failed, Refused

PATIENCE = 20.0
"""Seconds without a byte, after which a server is given up."""

REDIRECTS = 4

_KEPT = 4
"""Whole values that are kept of a server which gives no ranges."""

_BLOCK = 1 << 20
_MISSING = (404, 410)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class BadAnswer(Failed):
    code = "bad-answer"
    template = "{server} {reason}"

    server: str
    reason: str


class OnlyToRead(Refused):
    code = "only-to-read"
    template = "{server} is read-only"

    server: str


class NotListed(Refused):
    code = "not-listed"
    template = "{server} cannot be searched: web servers do not list their files"

    server: str


class Web(Remote):
    """What lies below `url`."""

    lists = False

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(_Redirects(url))
        self._opener.addheaders = [("User-Agent", "mreg"), ("Accept-Encoding", "identity")]
        self._mutex = threading.Lock()
        self._whole: OrderedDict[str, _Spool] = OrderedDict()

    def __repr__(self) -> str:
        return f"Web({self.url!r})"

    def get(self, key: str) -> Value | None:
        with self._ask("GET", key) as answer:
            if answer is None:
                return None
            size = _length(answer)
            if size is not None and size > MAX_VALUE:
                raise TooLarge(key, size)
            data = self._body(answer, MAX_VALUE + 1)
            if len(data) > MAX_VALUE:
                raise TooLarge(key)
            return Value(data, "")

    def read(self, key: str, start: int, length: int) -> bytes:
        check_key(key)
        if start < 0 or length < 0:
            raise ValueError(f"no such range: {length} bytes from {start}")
        with self._mutex:
            if key in self._whole:
                return self._whole[key].part(start, length)
        wanted = {"Range": f"bytes={start}-{start + max(length, 1) - 1}"}
        with self._ask("GET", key, wanted) as answer:
            if answer is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
            if answer.status == 416:
                return b""
            if answer.status == 206:
                return self._range(answer, start, max(length, 1))[:length]
            return self._keep(key, answer, start, length)

    def stat(self, key: str) -> Stat | None:
        with self._ask("HEAD", key) as answer:
            if answer is None:
                return None
            size = _length(answer)
            if size is None:
                raise self._bad("does not report the sizes of its files")
            return Stat(size, _time(answer.headers.get("Last-Modified")))

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        if prefix:
            check_key(prefix)
        raise NotListed(server=self.url)

    def put(self, key: str, value: bytes, expect: Expect = ANY) -> None:
        check_key(key)
        raise OnlyToRead(server=self.url)

    def delete(self, key: str) -> None:
        check_key(key)
        raise OnlyToRead(server=self.url)

    def _ask(self, method: str, key: str, headers: dict[str, str] | None = None) -> _Answer:
        """The answer; None where there is no such key. Raises NoServer, BadAnswer."""
        check_key(key)
        url = f"{self.url}/{urllib.parse.quote(key)}"
        request = urllib.request.Request(url, method=method, headers=headers or {})
        try:
            answer = self._opener.open(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            if error.code == 416 and headers:
                return _Answer(error)
            error.close()
            if error.code in _MISSING:
                return _Answer(None)
            raise self._bad(f"answers {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreachable(error) from None
        if answer.geturl().endswith("/"):  # the page of a folder
            answer.close()
            return _Answer(None)
        if answer.headers.get_content_type() == "text/html":  # no file of a repository is one
            answer.close()
            raise self._bad("sends a web page, such as a login page, instead of a file")
        return _Answer(answer)

    def _body(self, answer: Any, most: int) -> bytes:
        """What comes, but no more than this. Raises where less comes than was said."""
        size = _length(answer)
        parts: list[bytes] = []
        left = most
        try:
            while left and (data := answer.read(min(left, _BLOCK))):
                parts.append(data)
                left -= len(data)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        if size is not None and most - left < min(size, most):
            raise self._bad("sends less than it announced")
        return b"".join(parts)

    def _range(self, answer: Any, start: int, length: int) -> bytes:
        said = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if not said:
            raise self._bad("does not say which part of a file it sends")
        first, last = int(said[1]), int(said[2])
        whole = None if said[3] == "*" else int(said[3])
        short = last < start + length - 1 and last + 1 != whole
        other = _length(answer) not in (None, last - first + 1)
        if first != start or last >= start + length or last < first or short or other:
            raise self._bad("sends a different part of a file than requested")
        data = self._body(answer, last - first + 1)
        if len(data) != last - first + 1 or answer.read(1):
            raise self._bad("sends a different part of a file than announced")
        return data

    def _keep(self, key: str, answer: Any, start: int, length: int) -> bytes:
        """Of a server without ranges: fetch the whole file, once."""
        size = _length(answer)
        if size is None:
            raise self._bad("does not support range requests, and does not report file sizes")
        if size > shutil.disk_usage(tempfile.gettempdir()).free:
            raise self._bad("does not support range requests, and there is no space to fetch the whole file")
        file = _Spool()
        for at in range(0, size, _BLOCK):
            file.write(self._rest(answer, min(size - at, _BLOCK)))
        with self._mutex:
            self._whole[key] = file
            while len(self._whole) > _KEPT:
                self._whole.popitem(last=False)
            return file.part(start, length)

    def _rest(self, answer: Any, left: int) -> bytes:
        data = b""
        try:
            while len(data) < left and (more := answer.read(left - len(data))):
                data += more
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        if len(data) < left:
            raise self._bad("sends less than it announced")
        return data

    def _bad(self, reason: str) -> BadAnswer:
        return BadAnswer(server=self.url, reason=reason)

    def _unreachable(self, error: Exception) -> Failed:
        cause = getattr(error, "reason", error)
        if isinstance(error, BadAnswer) or isinstance(cause, BadAnswer):
            return cause if isinstance(cause, BadAnswer) else self._bad("cannot be read")
        return NoServer(server=self.url, reason=_why(cause))


class _Answer:
    """An answer, to be closed; None where there is nothing."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __enter__(self) -> Any:
        return self._answer

    def __exit__(self, *_: object) -> None:
        if self._answer is not None:
            self._answer.close()


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = REDIRECTS
    max_repeats = REDIRECTS

    def __init__(self, url: str) -> None:
        self._url = url

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        place = urllib.parse.urlsplit(newurl)
        plain = place.scheme == "http" and place.hostname in _THIS_MACHINE and req.type == "http"
        if place.username is not None or not (place.scheme == "https" or plain):
            raise BadAnswer(server=self._url, reason="redirects to an address that mreg does not follow")
        found = super().redirect_request(req, fp, code, msg, headers, newurl)
        if found is not None:
            found.method = req.get_method()
            found.headers.update({name: value for name, value in req.header_items() if name == "Range"})
        return found


class _Spool:
    """A file without a name, which goes when nobody holds it any more."""

    def __init__(self) -> None:
        self._descriptor, path = tempfile.mkstemp()
        os.unlink(path)

    def __del__(self) -> None:
        os.close(self._descriptor)

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def part(self, start: int, length: int) -> bytes:
        size = os.fstat(self._descriptor).st_size
        return os.pread(self._descriptor, max(0, min(length, size - start)), start)


def _length(answer: Any) -> int | None:
    said = answer.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None


def _time(said: str | None) -> float:
    try:
        return parsedate_to_datetime(said).timestamp() if said else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _why(cause: object) -> str:
    if isinstance(cause, TimeoutError):
        return "it does not answer in time"
    if isinstance(cause, ConnectionRefusedError):
        return "the connection was refused"
    text = str(cause)
    if "CERTIFICATE" in text.upper():
        return "its certificate is not trusted"
    if "Name or service" in text or "nodename" in text or "name resolution" in text:
        return "its host name is not known"
    return "the connection failed"
