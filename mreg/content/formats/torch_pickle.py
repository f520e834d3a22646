"""The tensors of a PyTorch file (`torch.save` since 1.6, a ZIP archive), by the names that its pickle gives them.

Nothing is unpickled: a pickle is a program that may call anything. Its opcodes are walked over (their arguments parsed
by `pickletools`), and what they would make is noted as far as it is plain: dictionaries, lists, tuples, texts, numbers,
and the few functions of torch that put a tensor over a storage. All else is opaque. Time and memory are bounded by the
pickle's length (PICKLE_MOST, OPCODES_MOST).

Names: the keys of the dictionaries that lead to a tensor, joined by dots; for a state dict, its keys.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import Any, Final

from mreg.content.formats.spans import ITEM_SIZE, MOST_PARTS, TEXT_MOST, SeekableFile, read_at
from mreg.content.formats.zipped import Member
from mreg.values.named_tuple import NamedTuple
from mreg.values.tensors import Tensor

OLD: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How a file begins that is no ZIP archive: a pickled number (`torch.serialization.MAGIC_NUMBER`)."""

PICKLE_MOST: Final = 64 << 20
OPCODES_MOST: Final = 1_500_000
DEPTH_MOST: Final = 32

_DTYPES: Final = {
    **{"Double": "F64", "Float": "F32", "Half": "F16", "BFloat16": "BF16", "ComplexFloat": "C64"},
    **{"Long": "I64", "Int": "I32", "Short": "I16", "Char": "I8", "Byte": "U8", "Bool": "BOOL"},
}
"""By the names of torch's storages, without "Storage"."""

_DTYPES_OF_V3: Final = {
    **{"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "complex64": "C64"},
    **{"int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL"},
    **{"uint64": "U64", "uint32": "U32", "uint16": "U16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"},
    **{"float8_e8m0fnu": "F8_E8M0", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ"},
}
_PASSED_THROUGH: Final = {"BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE", "PROTO", "FRAME"}
_LITERALS: Final = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BININT", "BININT1", "BININT2", "INT", "LONG"),
    *("LONG1", "LONG4", "BINFLOAT", "FLOAT", "BINSTRING", "SHORT_BINSTRING", "STRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Unreadable(Exception):
    """No pickle that torch would have written."""


class _Name(NamedTuple):
    """A function or class."""

    module: str
    name: str


class _Storage(NamedTuple):
    dtype: str
    key: str


class _View(NamedTuple):
    """A tensor: offset and stride in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Opaque:
    """Anything else. state: what it would have been given."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: object = None


_MARK: Final = object()


def pickle_of(members: Sequence[Member]) -> Member | None:
    """The member that names the tensors, if this is a file of torch."""
    for member in members:
        if member.stored and (member.name == "data.pkl" or member.name.endswith("/data.pkl")):
            return member
    return None


def listed(file: SeekableFile, path: str, members: Sequence[Member], pickle: Member) -> tuple[list[Tensor], str]:
    """The tensors, and why they cannot all be told ("" if they can)."""
    if pickle.size > PICKLE_MOST:
        return [], f"its pickle is larger than {PICKLE_MOST >> 20} MiB"
    try:
        whole = _Walk(read_at(file, pickle.start, pickle.size)).result()
    except Unreadable as error:
        return [], f"its pickle cannot be parsed: {error}"
    folder = pickle.name.removesuffix("data.pkl")
    storages = {member.name.removeprefix(folder + "data/"): member for member in members if member.stored}
    views = list(_named(whole))
    found = [tensor for name, view in views if (tensor := _tensor(name, view, storages, path))]
    return found, "" if len(found) == len(views) else "some of its tensors are sparse, quantised or of other dtypes"


def _tensor(name: str, view: _View, storages: dict[str, Member], path: str) -> Tensor | None:
    item = ITEM_SIZE.get(view.storage.dtype)
    member = storages.get(view.storage.key)
    if item is None or member is None:
        return None
    order, count = _order(view), prod(view.shape)
    begin, length = view.offset * item, (count if order else _reach(view)) * item
    if begin + length > member.size:
        raise ValueError("a tensor lies outside its storage")
    return Tensor(name, path, view.storage.dtype, view.shape, member.start + begin, count * item, order)


def _order(view: _View) -> str:
    if 0 in view.shape or _is_dense(view.shape[::-1], view.stride[::-1]):
        return "C"
    return "F" if _is_dense(view.shape, view.stride) else ""


def _is_dense(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Do the elements lie one after the other, those of the first dimension side by side?"""
    expected = 1
    for dimension, step in zip(shape, stride, strict=True):
        if dimension != 1 and step != expected:
            return False
        expected *= dimension
    return True


def _reach(view: _View) -> int:
    """Elements of the storage from the tensor's first to its last."""
    return 1 + sum((dimension - 1) * stride for dimension, stride in zip(view.shape, view.stride, strict=True))


def _named(whole: object) -> Iterator[tuple[str, _View]]:
    """All tensors below, each with its name, in the order of the pickle. Containers that are reached twice count
    once."""
    seen: set[int] = set()
    pending: list[tuple[str, object, int]] = [("", whole, 0)]
    left = 2 * MOST_PARTS
    while pending and left:
        name, value, depth = pending.pop()
        left -= 1
        if isinstance(value, _View):
            yield name, value
        elif isinstance(value, _Opaque):
            pending.append((name, value.state, depth + 1))
        elif isinstance(value, dict | list) and id(value) not in seen and depth < DEPTH_MOST:
            seen.add(id(value))
            below = value.items() if isinstance(value, dict) else enumerate(value)
            pending.extend(
                (_joined(name, key), child, depth + 1)
                for key, child in reversed(list(below))
                if isinstance(child, _View | _Opaque | dict | list)
            )


_OF_MODULES: Final = {"_parameters", "_buffers", "_modules"}
"""Where a pickled `torch.nn.Module` keeps what its state dict calls by the names below."""


def _joined(name: str, key: object) -> str:
    text = str(key) if isinstance(key, str | int) else "?"
    if text in _OF_MODULES:
        return name
    if len(name) + len(text) > TEXT_MOST:
        raise ValueError("a name is too long")
    return f"{name}.{text}" if name else text


class _Walk:
    """What the opcodes of a pickle would make."""

    def __init__(self, data: bytes) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._data = data

    def result(self) -> object:
        """Raises Unreadable."""
        try:
            for number, (opcode, argument, _) in enumerate(pickletools.genops(self._data)):
                if number > OPCODES_MOST:
                    raise Unreadable(f"it has more than {OPCODES_MOST} opcodes")
                if opcode.name == "STOP":
                    break
                self._step(opcode.name, argument)
            return self._stack.pop()
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise Unreadable(str(error) or type(error).__name__) from None

    def _step(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        if opcode in _LITERALS:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _PASSED_THROUGH:
            self._memoize(opcode, argument)
        elif opcode in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[int(argument)])
        elif opcode == "MARK":
            stack.append(_MARK)
        elif opcode in ("POP", "POP_MARK"):
            self._above_mark() if opcode == "POP_MARK" else stack.pop()
        else:
            self._make(opcode, argument)

    def _memoize(self, opcode: str, argument: Any) -> None:
        if opcode == "MEMOIZE":
            self._memo[len(self._memo)] = self._stack[-1]
        elif opcode not in ("PROTO", "FRAME"):
            self._memo[int(argument)] = self._stack[-1]

    def _make(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        match opcode:
            case "EMPTY_DICT" | "DICT":
                stack.append(dict(_pairs(self._above_mark())) if opcode == "DICT" else {})
            case "EMPTY_LIST" | "LIST":
                stack.append(self._above_mark() if opcode == "LIST" else [])
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE":
                stack.append(tuple(self._above_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = _TUPLES[opcode]
                stack[-count:] = [tuple(stack[-count:])]
            case "SETITEM":
                self._set([stack.pop(-2), stack.pop()])
            case "SETITEMS":
                self._set(self._above_mark())
            case "APPEND":
                self._extend([stack.pop()])
            case "APPENDS":
                self._extend(self._above_mark())
            case "GLOBAL":
                stack.append(_Name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                name = stack.pop()
                stack.append(_Name(stack.pop(), name))
            case "BINPERSID":
                stack.append(_storage(stack.pop()))
            case "REDUCE" | "NEWOBJ":
                arguments = stack.pop()
                stack.append(_called(stack.pop(), arguments))
            case "NEWOBJ_EX":
                del stack[-3:]
                stack.append(_Opaque())
            case "BUILD":
                state = stack.pop()
                if isinstance(stack[-1], _Opaque):
                    stack[-1].state = state
            case "EMPTY_SET":
                stack.append(_Opaque())
            case "FROZENSET" | "OBJ" | "INST":
                self._above_mark()
                stack.append(_Opaque())
            case "ADDITEMS":
                self._above_mark()
            case _:
                raise Unreadable(f"the opcode {opcode}")

    def _above_mark(self) -> list[Any]:
        stack = self._stack
        at = len(stack) - 1
        while stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise Unreadable("a mark is missing")
        above = stack[at + 1 :]
        del stack[at:]
        return above

    def _set(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], dict):
            self._stack[-1].update(_pairs(items))

    def _extend(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(items)


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Keys and values by turns. What cannot be a key here names no tensor."""
    for at, (key, value) in enumerate(pairwise(items)):
        if at % 2 == 0 and isinstance(key, str | int | float | bytes | bool | None):
            yield key, value


def _storage(identity: Any) -> object:
    """A persistent id: ("storage", class of the storage, key, where it was, number of elements)."""
    match identity:
        case ("storage", _Name(module="torch", name=name), str(key), *_):
            return _Storage(_DTYPES.get(name.removesuffix("Storage"), ""), key)
        case ("storage", _Name(name="UntypedStorage"), str(key), *_):
            return _Storage("", key)
    return _Opaque()


def _called(function: Any, arguments: Any) -> object:
    match function, arguments:
        case _Name("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor"), (_Storage() as storage, *rest):
            return _view(storage, rest)
        case _Name("torch._utils", "_rebuild_tensor_v3"), (_Storage() as storage, *rest) if len(rest) > 5:
            dtype = rest[5].name if isinstance(rest[5], _Name) else ""
            return _view(storage._replace(dtype=_DTYPES_OF_V3.get(dtype, "")), rest)
        case _Name("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state"), (_View() as view, *_):
            return view
        case _Name("collections", "OrderedDict" | "defaultdict"), _:
            return dict[Any, Any]()
        case _Name("torch._utils", name), _ if name.startswith("_rebuild_"):
            return _View(_Storage("", ""), 0, (), ())  # sparse, quantised, …: one that is not known
    return _Opaque()


def _view(storage: _Storage, rest: Sequence[Any]) -> object:
    match rest:
        case (int(offset), tuple(shape), tuple(stride), *_) if len(shape) == len(stride) <= 64 and all(
            isinstance(number, int) and 0 <= number < 1 << 62 for number in (offset, *shape, *stride)
        ):
            return _View(storage, offset, shape, stride)
    return _Opaque()
