"""`NamedTuple` as `typing` has it, made in a third of the time: a command makes a hundred such classes before it
begins, and `typing` compiles the annotation of every field, which nobody asks for while a program runs."""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    class _Meta(type):
        def __new__(meta, name, bases, body):
            if not bases:  # `NamedTuple` itself
                return super().__new__(meta, name, bases, body)
            fields = body.pop("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body.pop("__module__"))
            made.__annotations__ = fields
            for key, value in body.items():
                setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Meta):
        pass
