"""What was said of a version after it was logged. Its record never changes; an annotation, once there,
takes the place of the record's message, metadata and inputs as a whole, and of its sources, where it has any."""

from __future__ import annotations

from typing import Any, NamedTuple

from mreg import lazy
from mreg.values import toml
from mreg.values.canonical import Malformed, Unstorable, check_metadata, same
from mreg.values.digest import is_digest
from mreg.values.errors import Damaged
from mreg.values.names import is_version
from mreg.values.records import MAX_VERSION, DataSource, Input, VersionRecord, parse_source


class DamagedAnnotation(Damaged):
    code = "damaged-annotation"
    template = "{key} is damaged: {reason}"

    key: str


class Said(NamedTuple):
    """Message, metadata, inputs and sources of a version."""

    message: str
    metadata: dict[str, Any]
    inputs: tuple[Input, ...]
    sources: tuple[DataSource, ...] = ()

    def with_inputs(self, more: tuple[Input, ...]) -> Said:
        """These inputs too, each version once."""
        known = {entry.version for entry in self.inputs}
        return self._replace(inputs=self.inputs + tuple(new for new in more if new.version not in known))

    def with_sources(self, more: tuple[DataSource, ...]) -> Said:
        """These sources too, each once."""
        return self._replace(sources=tuple(dict.fromkeys((*self.sources, *more))))

    def differs(self, other: Said) -> bool:
        """Whether these say anything else than others."""
        words = (self.message, self.inputs, self.sources) == (other.message, other.inputs, other.sources)
        return not (words and same(self.metadata, other.metadata))


def effective(record: VersionRecord, annotation: str | None, key: str) -> Said:
    """What is said of the version now. annotation: the value of its annotation ref `key`.

    Raises DamagedAnnotation.
    """
    if annotation is None:
        return Said(record.message, record.metadata, record.inputs, record.sources)
    said = decode(annotation, key)
    return said if said.sources else said._replace(sources=record.sources)


def encode(said: Said) -> str:
    """Raises Unstorable for more than may stand in a version record."""
    inputs = [[entry.reference, entry.version] for entry in said.inputs]
    table: dict[str, Any] = {"message": said.message, "inputs": inputs, "metadata": said.metadata}
    if said.sources:
        table["sources"] = [_known(source) for source in said.sources]
    text = lazy.tomli_w.dumps(table)
    if _is_large(text):
        reason = f"the version's metadata, message and inputs together are larger than {MAX_VERSION >> 20} MiB, as TOML"
        raise Unstorable(reason=reason)
    return text


def decode(text: str, key: str) -> Said:
    """Raises DamagedAnnotation."""
    if _is_large(text):
        raise DamagedAnnotation(key=key, reason=f"it is larger than {MAX_VERSION} bytes")
    try:
        table = toml.loads(text)
        check_metadata(table)
    except Malformed as error:
        raise DamagedAnnotation(key=key, reason=str(error)) from None
    match table:
        case {"message": str(message), "inputs": list(rows), "metadata": dict(metadata)}:
            inputs = tuple(Input(*row) for row in rows if _is_input(row))
            if len(inputs) == len(rows):
                return Said(message, metadata, inputs, _sources(table.get("sources"), key))
    raise DamagedAnnotation(key=key, reason="it has not the keys that mreg writes")


def _sources(rows: Any, key: str) -> tuple[DataSource, ...]:
    if rows is None:
        return ()
    if not isinstance(rows, list) or not rows:
        raise DamagedAnnotation(key=key, reason="its sources are no list, or an empty one")
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
