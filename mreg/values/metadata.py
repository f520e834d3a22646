"""Metadata: what a version says of itself, as JSON with string keys (metrics, parameters, …)."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from mreg import lazy
from mreg.values import toml
from mreg.values.canonical import MAX_DEPTH, MAX_NUMBER, Malformed, fault_of_text, is_unicode
from mreg.values.errors import InvalidInput

MAX_FILE: Final = 8 << 20
"""Bytes of a file of metadata. What it says takes at most half of that in a version record."""


_NOT_FINITE: Final = frozenset(["nan", "NaN", "inf", "-inf", "Infinity", "-Infinity"])
"""As Python and JSON print them."""


class InvalidMetadata(InvalidInput):
    code = "invalid-metadata"
    template = "metadata {key!r}: {reason}"

    key: str
    reason: str


def normalise(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` as plain JSON: NumPy scalars become numbers, tuples lists, NaN and infinities the words
    "NaN", "Infinity", "-Infinity" (JSON has no such numbers); a key whose value is None is left out.

    Raises InvalidMetadata for what JSON cannot say.
    """
    return _mapping(values, "", MAX_DEPTH - 4)


def normalise_value(value: Any, key: str) -> Any:
    """One value, as those in `normalise`. key: what it is called in an error. Raises InvalidMetadata."""
    return _value(value, key, MAX_DEPTH - 4)


def _mapping(values: Mapping[str, Any], key: str, depth: int) -> dict[str, Any]:
    result = {}
    for name, value in values.items():
        path = f"{key}.{name}" if key else str(name)
        if not isinstance(name, str) or not name:
            raise InvalidMetadata(key=path, reason="a key must be a non-empty string")
        if not is_unicode(name):
            raise InvalidMetadata(key=path, reason="the key is not valid Unicode")
        if value is not None:
            result[str.__str__(name)] = _value(value, path, depth)
    return result


def _value(value: Any, key: str, depth: int) -> Any:
    if depth == 0:
        raise InvalidMetadata(key=key, reason="nested too deeply")
    if isinstance(value, Mapping):
        return _mapping(value, key, depth - 1)
    if isinstance(value, list | tuple):
        return [_value(item, f"{key}[{at}]", depth - 1) for at, item in enumerate(value)]
    if isinstance(value, str):
        if not is_unicode(value):
            raise InvalidMetadata(key=key, reason="the string is not valid Unicode")
        return str.__str__(value)  # an enumeration's own str() is the name of the member
    return _number(value, key)


def _number(value: Any, key: str) -> Any:
    if not isinstance(value, bool | int | float) and callable(getattr(value, "item", None)):
        try:
            value = value.item()  # a NumPy scalar, or a tensor of one element
        except Exception:  # whatever the library raises for more elements than one
            raise InvalidMetadata(key=key, reason=f"a {type(value).__name__} is not a single number") from None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_NUMBER:
            raise InvalidMetadata(key=key, reason="the integer has more than 64 bits")
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else float(value)
    what = "null" if value is None else f"a {type(value).__name__}"
    raise InvalidMetadata(key=key, reason=f"{what} is not a number, string, list or mapping")


def parse_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` texts as metadata: dots in the key nest, the value is a number, a boolean or a text.

    Raises InvalidMetadata, also where two give one key.
    """
    result: dict[str, Any] = {}
    given: dict[str, str] = {}
    for pair in dict.fromkeys(pairs):
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise InvalidMetadata(key=pair, reason="write it as KEY=VALUE")
        if not all(key.split(".")):
            raise InvalidMetadata(key=pair, reason="a part of its key is empty")
        more = _nest(key.split("."), parse_value(text))
        for clash in _clashes(result, more):
            other = next(one for name, one in given.items() if f"{name}.".startswith(f"{clash}."))
            raise InvalidMetadata(key=clash, reason=f"{other!r} and {pair!r} contradict each other")
        given[key] = pair
        result = merge(result, more)
    return result


def _clashes(base: Mapping[str, Any], more: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The keys that both give, unless as mappings that can be merged."""
    for key in base.keys() & more.keys():
        if isinstance(base[key], Mapping) and isinstance(more[key], Mapping):
            yield from _clashes(base[key], more[key], f"{prefix}{key}.")
        else:
            yield prefix + key


def parse_value(text: str) -> bool | int | float | str:
    """`true` and `false`, integers, decimal numbers, what is not finite; anything else is the text itself."""
    if text in ("true", "false"):
        return text == "true"
    if text in _NOT_FINITE:
        return float(text)
    if text.lstrip("+-")[:1] == "0" and text.lstrip("+-")[1:2].isdigit():
        return text  # an identifier: a number has no leading zeros
    if text and not text.strip("+-0123456789.eE") and any(c.isdigit() for c in text):
        for kind in (int, float):
            try:
                number = kind(text)
            except ValueError:
                continue
            return number if abs(number) <= (MAX_NUMBER if kind is int else sys.float_info.max) else text
    return text


def parse_file(data: bytes, name: str) -> dict[str, Any]:
    """The metadata in a JSON or TOML file (`name` tells which by its ending).

    Raises InvalidMetadata.
    """
    if len(data) > MAX_FILE:
        raise InvalidMetadata(key=name, reason=f"the file is larger than {MAX_FILE >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidMetadata(key=name, reason="the file is not UTF-8 text") from None
    try:
        is_toml = name.lower().endswith(".toml")
        if is_toml:
            values = toml.loads(text, _float)
        else:
            values = lazy.json.loads(text, object_pairs_hook=_object, parse_float=_float)
        values = _plain_dates(values)
    except (ValueError, RecursionError) as error:
        raise InvalidMetadata(key=name, reason=_fault_of_file(error, name)) from None
    if not isinstance(values, dict):
        raise InvalidMetadata(key=name, reason="the file does not contain an object at its top level")
    return normalise(values)


def _fault_of_file(error: ValueError | RecursionError, name: str) -> str:
    ending = name.lower().rpartition(".")[2]
    if ending in ("yaml", "yml"):
        return "YAML is not supported; write JSON or TOML"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if ending not in ("json", "toml"):
        return "the file is not JSON; the name of a TOML file must end in .toml"
    return f"the file is not {ending.upper()}: {fault_of_text(error)}"


def merge(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both together; where both have a key `more` wins, mappings are merged."""
    result = dict(base)
    for key, value in more.items():
        present = result.get(key)
        both = isinstance(present, Mapping) and isinstance(value, Mapping)
        result[key] = merge(present, value) if both else value  # type: ignore[arg-type]
    return result


def replaced(base: Mapping[str, Any], more: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    """The keys of mappings in `base` whose place something else takes when `more` is merged in, each with the number of
    values that would be lost."""
    for key, value in more.items():
        present = base.get(key)
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            yield from replaced(present, value, f"{prefix}{key}.")
        elif isinstance(present, Mapping) and present:
            yield prefix + key, len(flatten(present))


def remove(values: Mapping[str, Any], dotted: str) -> dict[str, Any]:
    """`values` without the key. A key may itself hold dots; where it would not be clear which is meant, quotes tell
    (`"a.b"`). Raises InvalidMetadata where there is no such key, or more than one."""
    found = list(_paths(values, dotted))
    if not found:
        raise InvalidMetadata(key=dotted, reason="there is no such key")
    if len(found) > 1:
        spelled = " or ".join(".".join(f'"{part}"' for part in path) for path in found)
        raise InvalidMetadata(key=dotted, reason=f"several keys match it; write {spelled}")
    return _without(values, found[0])


def _paths(values: Mapping[str, Any], dotted: str) -> Iterator[tuple[str, ...]]:
    """The keys, from the top down, that may be meant."""
    for key, value in values.items():
        for spelled in (key, f'"{key}"'):
            if dotted == spelled:
                yield (key,)
            elif isinstance(value, Mapping) and dotted.startswith(f"{spelled}."):
                yield from ((key, *rest) for rest in _paths(value, dotted[len(spelled) + 1 :]))


def _without(values: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """A mapping goes with the last of its keys: an empty one says nothing."""
    head, *rest = path
    left = _without(values[head], tuple(rest)) if rest else {}
    if left:
        return {**values, head: left}
    return {key: value for key, value in values.items() if key != head}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys to what is no mapping."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _nest(parts: list[str], value: Any) -> dict[str, Any]:
    for part in reversed(parts):
        value = {part: value}
    return value  # type: ignore[no-any-return]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values of one key, JSON's readers take whichever they like."""
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = Counter(key for key, _ in pairs)
        raise Malformed(f"the key {keys.most_common(1)[0][0]!r} occurs twice")
    return values


def _float(text: str) -> float:
    """What was written as a number is not stored as if infinity had been written."""
    number = float(text)
    if math.isinf(number) and text.strip("+-") != "inf":
        raise Malformed(f"the number {text[:40]} is too large")
    return number


def _plain_dates(value: Any) -> Any:
    """TOML knows dates and times; JSON takes them as text."""
    if isinstance(value, dict):
        return {key: _plain_dates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_dates(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
