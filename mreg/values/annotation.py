"""What was said of a version after it was logged. Its record never changes; what an annotation says takes the place of
what the record says of the same: in a repository of format 1 of message, metadata and inputs as a whole."""

from __future__ import annotations

from typing import Any

from mreg import lazy
from mreg.values import toml
from mreg.values.canonical import Malformed, Unstorable, check_metadata, same
from mreg.values.digest import is_digest
from mreg.values.errors import Damaged
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import is_tag, is_version
from mreg.values.records import MAX_VERSION, DataSource, Input, VersionRecord, parse_source


class DamagedAnnotation(Damaged):
    code = "damaged-annotation"
    template = "{key} is damaged: {reason}"

    key: str


class Note(NamedTuple):
    """What an annotation says. None: the record's counts; so do its sources, where there are none here."""

    message: str | None
    metadata: dict[str, Any] | None
    inputs: tuple[Input, ...] | None
    sources: tuple[DataSource, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def beyond_format_1(self) -> str | None:
        """What of it only format 2 can hold, in words; None where any can."""
        if self.tags:
            return "a tag"
        if self.sources:
            return "a source"
        return "a part of the annotation" if None in (self.message, self.metadata, self.inputs) else None


class Said(NamedTuple):
    """Message, metadata, inputs, sources and tags of a version."""

    message: str
    metadata: dict[str, Any]
    inputs: tuple[Input, ...]
    sources: tuple[DataSource, ...] = ()
    tags: tuple[str, ...] = ()

    def with_inputs(self, more: tuple[Input, ...]) -> Said:
        """These inputs too, each version once."""
        known = {entry.version for entry in self.inputs}
        return self._replace(inputs=self.inputs + tuple(new for new in more if new.version not in known))

    def with_sources(self, more: tuple[DataSource, ...]) -> Said:
        """These sources too, each once."""
        return self._replace(sources=tuple(dict.fromkeys((*self.sources, *more))))

    def differs(self, other: Said) -> bool:
        """Whether these say anything else than others."""
        words = self._replace(metadata={}) == other._replace(metadata={})
        return not (words and same(self.metadata, other.metadata))

    def beyond(self, record: VersionRecord) -> Note | None:
        """What an annotation has to say for this to be said of the version; None where the record says it all. Of
        message, metadata and inputs all, unless they are the record's and something else is to be said."""
        written = _of_record(record)
        sources = self.sources if self.sources != written.sources else ()
        if not self.differs(written):
            return None
        if self._replace(sources=(), tags=()).differs(written._replace(sources=())):
            return Note(self.message, self.metadata, self.inputs, sources, self.tags)
        return Note(None, None, None, sources, self.tags)


def effective(record: VersionRecord, annotation: str | None, key: str) -> Said:
    """What is said of the version now. annotation: the value of its annotation ref `key`.

    Raises DamagedAnnotation.
    """
    written = _of_record(record)
    if annotation is None:
        return written
    note = decode(annotation, key)
    return Said(
        message=written.message if note.message is None else note.message,
        metadata=written.metadata if note.metadata is None else note.metadata,
        inputs=written.inputs if note.inputs is None else note.inputs,
        sources=note.sources or written.sources,
        tags=note.tags,
    )


def _of_record(record: VersionRecord) -> Said:
    return Said(record.message, record.metadata, record.inputs, record.sources)


def encode(note: Note | Said) -> str:
    """Raises Unstorable for more than may stand in a version record."""
    inputs = None if note.inputs is None else [[entry.reference, entry.version] for entry in note.inputs]
    fields = {
        "message": note.message,
        "inputs": inputs,
        "metadata": note.metadata,
        "sources": [_known(source) for source in note.sources] or None,
        "tags": list(note.tags) or None,
    }
    table = {name: value for name, value in fields.items() if value is not None}
    text = lazy.tomli_w.dumps(table)
    if _is_large(text):
        reason = f"the version's metadata, message and inputs together are larger than {MAX_VERSION >> 20} MiB, as TOML"
        raise Unstorable(reason=reason)
    return text


def decode(text: str, key: str) -> Note:
    """Raises DamagedAnnotation."""
    if _is_large(text):
        raise DamagedAnnotation(key=key, reason=f"it is larger than {MAX_VERSION} bytes")
    try:
        table = toml.loads(text)
        check_metadata(table)
    except Malformed as error:
        raise DamagedAnnotation(key=key, reason=str(error)) from None
    fields = {name: table.get(name) for name in _FIELDS}
    right = all(value is None or isinstance(value, _FIELDS[name]) for name, value in fields.items())
    if not table or table.keys() - _FIELDS.keys() or not right:
        raise DamagedAnnotation(key=key, reason="its keys are not those that mreg writes")
    rows = fields["inputs"]
    if rows is not None and not all(map(_is_input, rows)):
        raise DamagedAnnotation(key=key, reason="its inputs name no versions")
    inputs = None if rows is None else tuple(Input(*row) for row in rows)
    sources, tags = _sources(fields["sources"], key), _tags(fields["tags"], key)
    return Note(fields["message"], fields["metadata"], inputs, sources, tags)


_FIELDS = {"message": str, "inputs": list, "metadata": dict, "sources": list, "tags": list}


def _tags(found: Any, key: str) -> tuple[str, ...]:
    if found is None:
        return ()
    right = found and all(isinstance(tag, str) and is_tag(tag) for tag in found)
    if not right or found != sorted(set(found)):
        raise DamagedAnnotation(key=key, reason="its tags are not a sorted list of tags")
    return tuple(found)


def _sources(rows: Any, key: str) -> tuple[DataSource, ...]:
    if rows is None:
        return ()
    if not rows:
        raise DamagedAnnotation(key=key, reason="its list of sources is empty")
    try:
        return tuple(map(parse_source, rows))
    except Malformed as error:
        raise DamagedAnnotation(key=key, reason=str(error)) from None


def _known(source: DataSource) -> dict[str, Any]:
    """What is known of it: TOML has no null."""
    return {field: value for field, value in source._asdict().items() if value is not None}


def fault(text: str) -> str | None:
    """Why an annotation may not say `text`, or None."""
    try:
        decode(text, "")
    except DamagedAnnotation as error:
        return str(error.reason)
    return None


def _is_large(text: str) -> bool:
    return len(text) > MAX_VERSION or len(text.encode("utf-8", "replace")) > MAX_VERSION


def _is_input(row: Any) -> bool:
    return (
        isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and is_version(row[0]) and is_digest(row[1])
    )


def beyond_format_1(text: str) -> str | None:
    """See `Note.beyond_format_1`; None also of what is no annotation."""
    try:
        return decode(text, "").beyond_format_1
    except DamagedAnnotation:
        return None
