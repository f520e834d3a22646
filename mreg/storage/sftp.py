"""A folder on a server that one may enter by SSH, over SFTP, through the library asyncssh: the one module that knows of
it.

Create-if-absent is a hard link to a file that was written and flushed under another name: the system of the server lets
one of them be. Who lets one in, and which server it is, is ssh's business: its agent, `~/.ssh/config` and
`known_hosts`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from mreg import lazy
from mreg.storage import unsure
from mreg.storage.answers import NoServer
from mreg.storage.base import ABSENT, ANY, MAX_VALUE, Expect, Listed, PutLost, Remote, Stat, TooLarge, Value
from mreg.storage.keys import check_key, is_key
from mreg.storage.temporary import is_abandoned, is_temporary, temporary_name
from mreg.storage.unsure import Answer
from mreg.values.errors import Failed, MregError, Refused

if TYPE_CHECKING:
    from asyncssh import SFTPClient

_T = TypeVar("_T")

CONNECT = 8.0
"""Seconds in which a server is reached, or given up."""

TRIES = 3
"""Connections for one request that may be made twice."""

_BLOCK = 1 << 20
_UNFINISHED = "tmp"
_THREAD = "mreg-sftp"


class NeedsSsh(Failed):
    code = "needs-ssh"
    template = "ssh:// requires the package asyncssh, which is not installed"


class UnknownHost(Refused):
    code = "unknown-host"
    template = "the host key of {server} does not match your known_hosts"

    server: str


class NotLetIn(Refused):
    code = "not-let-in"
    template = "{server} refuses the login"

    server: str


class SftpFault(Failed):
    code = "sftp-fault"
    template = "{server} failed: {reason}"

    server: str
    reason: str


class Sftp(Remote):
    """The folder `root` on a server. url: for people."""

    def __init__(self, url: str, host: str, port: int | None, user: str | None, root: str) -> None:
        self.url = url
        self._root = root
        self._address: dict[str, Any] = {"host": host, "connect_timeout": CONNECT}
        self._address |= {"port": port} if port else {}
        self._address |= {"username": user} if user else {}
        self._mutex = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connecting: asyncio.Lock | None = None
        self._client: SFTPClient | None = None
        try:
            self._ssh: Any = lazy.load("asyncssh")
        except ImportError:
            raise NeedsSsh() from None

    def __repr__(self) -> str:
        return f"Sftp({self.url!r})"

    # The contract.

    def get(self, key: str) -> Value | None:
        data = self._read(key, 0, None)
        return None if data is None else Value(data, "")

    def read(self, key: str, start: int, length: int) -> bytes:
        if start < 0 or length < 0:
            raise ValueError(f"no such range: {length} bytes from {start}")
        data = self._read(key, start, length)
        if data is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
        return data

    def stat(self, key: str) -> Stat | None:
        path = self._path(key)
        found = self._repeat(lambda client: self._attributes(client, path))
        return None if found is None else Stat(found.size, float(found.mtime))

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        if prefix:
            check_key(prefix)
        found = self._repeat(lambda client: self._walk(client, prefix))
        return iter(sorted(one for one in found if one.key > after))

    def put(self, key: str, value: bytes, expect: Expect = ANY) -> None:
        path = self._path(key)
        if expect is ANY:
            self._repeat(lambda client: self._replace(client, path, iter([value])))
        elif expect is not ABSENT:
            raise ValueError(f"SFTP cannot compare: {expect!r}")
        else:
            enough = len(value) + 1  # to tell it from anything else
            if not unsure.create(key, value, lambda: self._create(path, value), lambda: self._read(key, 0, enough)):
                raise PutLost(key=key)

    def send(self, key: str, file: BinaryIO) -> None:
        path, start = self._path(key), file.tell()

        async def send(client: Any) -> None:
            file.seek(start)
            await self._replace(client, path, iter(lambda: file.read(_BLOCK), b""))

        self._repeat(send)

    def delete(self, key: str) -> bool:
        path = self._path(key)

        async def delete(client: Any) -> bool:
            if await self._attributes(client, path) is None:
                return False
            await client.remove(path)
            return True

        return self._repeat(delete)

    def renew(self, key: str) -> bool:
        """Others may change it meanwhile, so it is not written again."""
        path = self._path(key)

        async def renew(client: Any) -> bool:
            if await self._attributes(client, path) is None:
                return False
            now = await self._now(client)
            await client.utime(path, times=(now, now))
            return True

        return self._repeat(renew)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> int:
        """What clients left that lost the connection or were killed. Nobody else removes it: mreg need not be on the
        server."""

        async def sweep(client: Any) -> int:
            try:
                found = await client.readdir(self._place(_UNFINISHED))
            except (self._ssh.SFTPNoSuchFile, self._ssh.SFTPFailure):
                return 0
            files = [one for one in found if stat.S_ISREG(one.attrs.permissions or 0) and is_temporary(one.filename)]
            now = (time.time() if dry_run else await self._now(client)) if files else 0.0
            freed = 0
            for one in files:
                if now - one.attrs.mtime <= older_than and not is_abandoned(one.filename):
                    continue
                if not dry_run:
                    with suppress(self._ssh.SFTPNoSuchFile):
                        await client.remove(self._place(f"{_UNFINISHED}/{one.filename}"))
                freed += one.attrs.size
            return freed

        return self._repeat(sweep)

    # Steps, in the loop's thread.

    def _read(self, key: str, start: int, length: int | None) -> bytes | None:
        """Part of a file, or the whole where no length is given. Raises TooLarge of a whole one."""
        path = self._path(key)

        async def read(client: Any) -> bytes | None:
            found = await self._attributes(client, path)
            if found is None:
                return None
            if length is None and found.size > MAX_VALUE:
                raise TooLarge(key, found.size)
            wanted = max(0, found.size - start if length is None else min(length, found.size - start))
            if not wanted:
                return b""
            async with client.open(path, "rb") as file:
                data: bytes = await file.read(wanted, start)
            return data

        return self._repeat(read)

    async def _attributes(self, client: Any, path: str) -> Any:
        """Of a file; None where there is none."""
        try:
            found = await client.stat(path)
        except (self._ssh.SFTPNoSuchFile, self._ssh.SFTPFailure):
            return None
        return found if stat.S_ISREG(found.permissions or 0) else None

    async def _walk(self, client: Any, folder: str) -> list[Listed]:
        found: list[Listed] = []
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                entries = await client.readdir(self._place(here))
            except (self._ssh.SFTPNoSuchFile, self._ssh.SFTPFailure):
                continue
            for entry in entries:
                name, mode = entry.filename, entry.attrs.permissions or 0
                key = f"{here}/{name}" if here else name
                if not is_key(key):
                    continue
                if stat.S_ISDIR(mode):
                    waiting.append(key)
                elif stat.S_ISREG(mode):
                    found.append(Listed(key, entry.attrs.size, float(entry.attrs.mtime)))
        return found

    async def _write(self, client: Any, parts: Iterator[bytes]) -> str:
        """A file with these bytes, flushed, under a name that is nobody else's."""
        path = self._place(f"{_UNFINISHED}/{temporary_name()}")
        await self._make_folder(client, path)
        try:
            async with client.open(path, "wb") as file:
                for part in parts:
                    await file.write(part)
                await file.fsync()
        except self._ssh.SFTPError:  # on a full disk, others need the space
            with suppress(self._ssh.SFTPError, OSError):
                await client.remove(path)
            raise
        return path

    async def _now(self, client: Any) -> int:
        """By the server's clock."""
        temporary = await self._write(client, iter([b""]))
        now: int = (await client.stat(temporary)).mtime
        await client.remove(temporary)
        return now

    async def _replace(self, client: Any, path: str, parts: Iterator[bytes]) -> None:
        temporary = await self._write(client, parts)
        await self._make_folder(client, path)
        await client.posix_rename(temporary, path)

    async def _make_folder(self, client: Any, path: str) -> None:
        """That of the file, with the rights that the one above it gives."""
        folder = os.path.dirname(path)
        if not folder or await client.exists(folder):  # none: the home, from which a relative path is told
            return
        await self._make_folder(client, folder)
        try:
            await client.mkdir(folder)
            above = await client.stat(os.path.dirname(folder) or ".")
            await client.chmod(folder, (above.permissions or 0o755) & 0o7777)
        except self._ssh.SFTPFailure:
            if not await client.isdir(folder):  # else another client made it
                raise

    def _create(self, path: str, value: bytes) -> tuple[Answer, MregError | None]:
        async def create(client: Any) -> Answer:
            temporary = await self._write(client, iter([value]))
            await self._make_folder(client, path)
            try:
                await client.link(temporary, path)
            except self._ssh.SFTPFailure:
                if await self._attributes(client, path) is None:
                    raise
                return Answer.TAKEN
            finally:
                await client.remove(temporary)
            return Answer.CREATED

        try:
            return self._once(create), None
        except NoServer as error:
            return Answer.OPEN, error

    # Connections.

    def _repeat(self, work: Callable[[Any], Awaitable[_T]]) -> _T:
        """What may be done again where the connection was lost."""
        for _ in range(TRIES - 1):
            try:
                return self._once(work)
            except NoServer:
                continue
        return self._once(work)

    def _once(self, work: Callable[[Any], Awaitable[_T]]) -> _T:
        return asyncio.run_coroutine_threadsafe(self._told(work), self._running()).result()

    async def _told(self, work: Callable[[Any], Awaitable[_T]]) -> _T:
        ssh = self._ssh
        try:
            return await work(await self._connected())
        except TooLarge:  # no fault of the connection
            raise
        except ssh.HostKeyNotVerifiable:
            raise UnknownHost(server=self.url) from None
        except ssh.PermissionDenied:
            raise NotLetIn(server=self.url) from None
        except (ssh.SFTPOpUnsupported, ssh.SFTPPermissionDenied, ssh.SFTPFailure) as error:
            raise SftpFault(server=self.url, reason=_FAULTS.get(type(error).__name__, _FAILS)) from None
        except (TimeoutError, ssh.Error, OSError) as error:
            self._client = None
            raise NoServer(server=self.url, reason=_why(error)) from None

    async def _connected(self) -> SFTPClient:
        self._connecting = self._connecting or asyncio.Lock()
        async with self._connecting:
            if self._client is None:
                connection = await self._ssh.connect(**self._address)
                self._client = await connection.start_sftp_client()
            return self._client

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._mutex:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                logging.getLogger("asyncio").addFilter(_is_of_others)
                threading.Thread(target=self._loop.run_forever, name=_THREAD, daemon=True).start()
            return self._loop

    def _path(self, key: str) -> str:
        check_key(key)
        return self._place(key)

    def _place(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root


def _is_of_others(record: logging.LogRecord) -> bool:
    """A lost connection is told by one error, or made again, and not by a line for each packet that goes into it."""
    return record.threadName != _THREAD


_FAILS = "the server does not say why (is its disk full?)"
_FAULTS = {
    "SFTPOpUnsupported": "it does not support hard links, which decide between concurrent writers",
    "SFTPPermissionDenied": "your account there is not permitted to do that",
}

_NO_SESSION = 0xFFFFFFFF
"""`OPEN_REQUEST_SESSION_FAILED` of asyncssh."""
_LOST = ("ConnectionLost", "SFTPConnectionLost", "SFTPNoConnection", "DisconnectError", "ChannelOpenError")


def _why(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, OSError) and error.errno is not None and error.errno < 0:
        return "its host name is not known"
    if getattr(error, "code", None) == _NO_SESSION:
        return "it offers no SFTP"
    if isinstance(error, OSError) or type(error).__name__ in _LOST:
        return "the connection was lost"
    return f"SSH failed ({getattr(error, 'reason', '') or error})"
