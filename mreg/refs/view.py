"""One consistent look at all refs: what the ref files say, overlaid with what is committed but not yet
applied. Takes no lock and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from mreg.refs import ref_files
from mreg.refs.journal import Journal
from mreg.refs.ref_files import NEVER, DamagedRef, Ref
from mreg.storage import Storage
from mreg.values.digest import is_digest
from mreg.values.names import parse_version

Known = Callable[[str], dict[str, Ref]]


_HOLE: Final = 9
"""So far above the number that seems to be free it is looked for versions, which there cannot be."""


class View:
    """The refs as of `head`, or newer where a writer was at work meanwhile: each single ref is whole, and
    never older than `head`. Who reads several refs and finds them at odds looks again (`moved`).

    known: the refs of a file as the lookup tables have them from the journal. With it, a ref whose file was lost is
    damage; without, it looks as if it had never been.
    """

    def __init__(self, storage: Storage, journal: Journal, known: Known | None = None) -> None:
        self.storage = storage
        self.journal = journal
        self._known = known
        self._overlay: dict[str, Ref] = {}
        self.head = journal.applied()
        for mark, entry in journal.after(self.head):
            for change in entry.changes:
                self._overlay[change.ref] = Ref(change.new, mark.seq, change.old if change.new is None else None)
            self.head = mark

    def moved(self) -> bool:
        """Has anything been committed since this view was taken?"""
        return self.journal.has(self.head.seq + 1)

    def ref(self, key: str) -> Ref:
        """The ref's state. Raises DamagedRef."""
        found = self._newer(key, ref_files.read(self.storage, key))
        if found.seq == 0:
            self._refuse_lost(key, self._told(ref_files.file_of(key)).get(key))
        return found

    def value(self, key: str) -> str | None:
        """The ref's value, None where it does not exist. Raises DamagedRef."""
        return self.ref(key).value

    def table(self, file: str) -> dict[str, Ref]:
        """All refs of a file that holds many, by line name; tombstones included. Raises DamagedRef."""
        table = ref_files.read_table(self.storage, file)
        if not table:
            for key, known in self._told(file).items():
                if key not in self._overlay:
                    self._refuse_lost(file, known)
        names = (key.partition("#")[2] for key in self._overlay if key.startswith(f"{file}#"))
        return {name: self._newer(f"{file}#{name}", table.get(name, NEVER)) for name in (*table, *names)}

    def check(self, key: str, value: str | None) -> None:
        """Raises DamagedRef where the journal says that the ref has another value than this one, which was read."""
        known = self._told(ref_files.file_of(key)).get(key)
        if known is not None and known.seq <= self.head.seq and known.value != value:
            raise DamagedRef(ref=key, reason="it is not what the journal says")

    def live(self, folder: str) -> dict[str, str]:
        """Key and value of every existing ref below `folder`, sorted; only of refs with files of their own."""
        keys = {*self.storage.list(folder), *(key for key in self._overlay if key.startswith(f"{folder}/"))}
        values = ((key, self.value(key)) for key in sorted(keys))
        return {key: value for key, value in values if value is not None}

    # Versions of an artifact: refs numbered without gaps that never vanish, so no listing is needed.

    def version(self, artifact: str, number: int) -> Ref:
        """The ref of one version: its value is the digest of the version record."""
        key = version_key(artifact, number)
        ref = self.ref(key)
        if ref.value is not None and not is_digest(ref.value):
            raise DamagedRef(ref=key, reason="it holds no digest")
        return ref

    def next_number(self, artifact: str) -> int:
        """How many numbers have ever been given in this artifact: by doubling, then halving. Raises DamagedRef where
        it can be told that the first that seems not to be was lost."""
        low, high = -1, 0
        while self._given(artifact, high):
            low, high = high, high * 2 + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._given(artifact, middle) else (low, middle)
        key = version_key(artifact, high)
        self._refuse_lost(key, self._told(key).get(key))
        return high

    def latest(self, artifact: str) -> int | None:
        """The highest number whose version is not deleted; None in an empty artifact. Raises DamagedRef."""
        end = self.next_number(artifact)
        self._refuse_hole(artifact, end)
        numbers = range(end - 1, -1, -1)
        return next((n for n in numbers if self.version(artifact, n).value is not None), None)

    # Links of a registered model.

    def links(self, model: str) -> dict[int, Ref]:
        """All links ever made, by number; removed ones have no value."""
        links = {parse_version(name): ref for name, ref in self.table(links_file(model)).items()}
        if None in links:
            raise DamagedRef(ref=links_file(model), reason="it has a line that is not numbered")
        return links  # type: ignore[return-value]

    def live_links(self, model: str) -> Iterator[tuple[int, str]]:
        """Number and value of the links that are there."""
        for number, ref in self.links(model).items():
            if ref.value is not None:
                yield number, ref.value

    def _told(self, file: str) -> dict[str, Ref]:
        return self._known(file) if self._known else {}

    def _refuse_lost(self, key: str, known: Ref | None) -> None:
        """known: what the journal says. An entry after `head` may have made the ref since it was looked for."""
        if known is not None and known.seq <= self.head.seq:
            raise DamagedRef(ref=key, reason="its file is missing")

    def _refuse_hole(self, artifact: str, end: int) -> None:
        """Numbers are given in order: where one soon after `end` has a file, and `end` has none, that one was lost."""
        beyond = any(self._given(artifact, number) for number in range(end + 1, end + _HOLE))
        if beyond and not self._given(artifact, end):  # else a writer is making them
            raise DamagedRef(ref=version_key(artifact, end), reason="its file is missing")

    def _given(self, artifact: str, number: int) -> bool:
        key = version_key(artifact, number)
        return key in self._overlay or self.storage.stat(key) is not None

    def _newer(self, key: str, ref: Ref) -> Ref:
        overlaid = self._overlay.get(key, NEVER)
        return overlaid if overlaid.seq > ref.seq else ref


def artifact_key(name: str) -> str:
    return f"artifacts/{name}/artifact.toml"


def version_key(artifact: str, number: int) -> str:
    return f"artifacts/{artifact}/v{number}"


def annotation_key(artifact: str, number: int) -> str:
    return f"artifacts/{artifact}/v{number}.toml"


def model_key(name: str) -> str:
    return f"registered/{name}/model.toml"


def card_key(name: str) -> str:
    return f"registered/{name}/card.md"


def links_file(model: str) -> str:
    return f"registered/{model}/links"


def link_key(model: str, number: int) -> str:
    return f"{links_file(model)}#v{number}"


def alias_key(name: str, alias: str) -> str:
    return f"aliases/{name}/{alias}"


def run_key(run: str, version: str) -> str:
    return f"runs/{run}#{version}"
