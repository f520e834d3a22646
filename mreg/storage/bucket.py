"""A bucket of an object store (S3, Google Cloud Storage, Azure Blob Storage, and what speaks as these do), or a part
of one, through the library obstore: the one module, with `clouds`, that knows of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from mreg import lazy
from mreg.storage import answers, unsure
from mreg.storage.base import ABSENT, ANY, MAX_VALUE, Expect, Listed, PutLost, Remote, Stat, TooLarge, Value
from mreg.storage.keys import check_key
from mreg.storage.unsure import Answer
from mreg.values.errors import MregError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_T = TypeVar("_T")

_LONG, _PART, _AT_ONCE = 64 << 20, 16 << 20, 4
"""Bytes of a value that is sent in several parts; of each part; and how many are on their way at the same time."""

_MUCH = 1 << 20
"""Bytes of a range that may take a while."""

_RANGE_BEYOND_THE_END = 416
_STARTS_BEYOND = "Wanted range starting at"
"""What the client says itself, where the store does not refuse such a range (Azurite)."""
_REFUSALS = (answers.NoBucket, answers.AccessDenied, answers.NoCredentials, answers.WrongRegion)


class Bucket(Remote):
    """The keys below `prefix` in a bucket, which `name` tells to people.

    patient: the store, by a client that tries again. once: by one that does not, for creating (`unsure`). large: makes
    one that tries again, and waits longer: for values that take minutes on a slow line.
    """

    def __init__(
        self,
        name: str,
        patient: ObjectStore,
        once: ObjectStore,
        prefix: str = "",
        large: Callable[[], ObjectStore] | None = None,
    ) -> None:
        self.name = name
        self._patient = patient
        self._once = once
        self._make_large = large or (lambda: patient)
        self._folder = f"{prefix}/" if prefix else ""
        self._obstore: Any = lazy.load("obstore")
        self._faults: Any = lazy.load("obstore.exceptions")

    def __repr__(self) -> str:
        return f"Bucket({self.name!r})"

    def get(self, key: str) -> Value | None:
        path = self._path(key)

        def get() -> Value | None:
            found = self._obstore.get(self._patient, path)
            if found.meta["size"] > MAX_VALUE:
                raise TooLarge(key, found.meta["size"])
            return Value(bytes(found.bytes()), found.meta["e_tag"] or "")

        return self._unless_missing(get)

    def read(self, key: str, start: int, length: int) -> bytes:
        path = self._path(key)
        if start < 0 or length < 0:
            raise ValueError(f"no such range: {length} bytes from {start}")
        found = self._unless_missing(lambda: self._range(path, start, length) if length else self._nothing_of(path))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
        return found

    def stat(self, key: str) -> Stat | None:
        path = self._path(key)

        def head() -> Stat:
            found = self._obstore.head(self._patient, path)
            return Stat(found["size"], found["last_modified"].timestamp(), found["e_tag"] or "")

        return self._unless_missing(head)

    def listing(self, prefix: str, after: str = "") -> Iterator[Listed]:
        if prefix:
            check_key(prefix)
        return self._listing(f"{prefix}/" if prefix else "", after)

    def put(self, key: str, value: bytes, expect: Expect = ANY) -> str | None:
        path = self._path(key)
        if expect is ANY:
            return self._etag(self._told(lambda: self._obstore.put(self._patient, path, value, use_multipart=False)))
        if expect is not ABSENT:
            raise ValueError(f"a bucket cannot compare: {expect!r}")
        made: list[str | None] = []
        if not unsure.create(key, value, lambda: self._create(path, value, made), lambda: self._read_back(key)):
            raise PutLost(key=key)
        return made[0] if made else None

    def send(self, key: str, file: BinaryIO) -> None:
        path = self._path(key)
        length = os.fstat(file.fileno()).st_size
        several = length > _LONG
        data = file if several else file.read()
        self._told(
            lambda: self._obstore.put(
                self._large, path, data, use_multipart=several, chunk_size=_PART, max_concurrency=_AT_ONCE
            )
        )

    def delete(self, key: str) -> None:
        path = self._path(key)
        # The client takes it for a request that must not be sent twice, and gives up.
        self._unless_missing(lambda: self._again(lambda: self._obstore.delete(self._patient, path)))

    @cached_property
    def _large(self) -> ObjectStore:
        return self._make_large()

    def _again(self, ask: Callable[[], _T]) -> _T:
        """What may be asked as often as one likes: once more where the answer was lost, or is that two met."""
        try:
            return ask()
        except self._faults.BaseError as error:
            if not answers.may_pass(error):
                raise
        return ask()

    def _path(self, key: str) -> str:
        check_key(key)
        return self._folder + key

    def _range(self, path: str, start: int, length: int) -> bytes:
        store = self._large if length > _MUCH else self._patient
        try:
            return bytes(self._obstore.get_range(store, path, start=start, length=length))
        except self._faults.BaseError as error:
            if answers.status(error) == _RANGE_BEYOND_THE_END or _STARTS_BEYOND in str(error):
                return b""
            raise

    def _nothing_of(self, path: str) -> bytes:
        self._obstore.head(self._patient, path)
        return b""

    def _listing(self, folder: str, after: str) -> Iterator[Listed]:
        # Some stores list nothing where the start sorts before the folder, and some ignore the start.
        offset = self._folder + after if after > folder else None
        pages = self._obstore.list(self._patient, (self._folder + folder)[:-1] or None, offset=offset)
        pages = iter(pages)
        while page := self._told(lambda: next(pages, None)):
            found = (
                Listed(
                    one["path"][len(self._folder) :],
                    one["size"],
                    one["last_modified"].timestamp(),
                    self._etag(one) or "",
                )
                for one in page
            )
            yield from sorted(one for one in found if one.key > after and one.key.startswith(folder))

    def _create(self, path: str, value: bytes, made: list[str | None]) -> tuple[Answer, MregError | None]:
        """made: where the etag of what was created is put."""
        try:
            made.append(self._etag(self._obstore.put(self._once, path, value, mode="create", use_multipart=False)))
        except (self._faults.AlreadyExistsError, self._faults.PreconditionError):
            return Answer.TAKEN, None
        except (self._faults.BaseError, FileNotFoundError) as error:
            fault = answers.meaning(error, self.name)
            if isinstance(fault, _REFUSALS):
                raise fault from None
            return Answer.OPEN, fault
        return Answer.CREATED, None

    @staticmethod
    def _etag(told: Any) -> str | None:
        return told["e_tag"] or None

    def _read_back(self, key: str) -> bytes | None:
        try:
            found = self.get(key)
        except TooLarge:
            return b""  # not what was put
        return found.data if found else None

    def _unless_missing(self, ask: Callable[[], _T]) -> _T | None:
        """What the store answers; None where it has no such key. Raises what `answers` makes of a refusal."""
        try:
            return ask()
        except FileNotFoundError as error:
            if answers.code(error) in answers.NO_BUCKET:
                raise answers.meaning(error, self.name) from None
            return None
        except self._faults.BaseError as error:
            raise answers.meaning(error, self.name) from None

    def _told(self, ask: Callable[[], _T]) -> _T:
        """What the store answers, which is not that there is no such key."""
        try:
            return ask()
        except (self._faults.BaseError, FileNotFoundError) as error:
            raise answers.meaning(error, self.name) from None
