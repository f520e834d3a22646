"""The named tuples of mreg are those of `typing`, but for the time that it takes to make their classes."""

from __future__ import annotations

import copy
import pickle
import typing

import pytest

from mreg.values.named_tuple import NamedTuple


class Ours(NamedTuple):
    """A place."""

    name: str
    size: int = 3
    tags: tuple[str, ...] = ()

    @property
    def double(self) -> int:
        return 2 * self.size

    @staticmethod
    def made(name: str) -> Ours:
        return Ours(name, tags=("made",))


class Theirs(typing.NamedTuple):
    """A place."""

    name: str
    size: int = 3
    tags: tuple[str, ...] = ()

    @property
    def double(self) -> int:
        return 2 * self.size


def test_it_holds_and_tells_what_those_of_typing_do() -> None:
    ours, theirs = Ours("a", tags=("x",)), Theirs("a", tags=("x",))

    assert ours == theirs == ("a", 3, ("x",))
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert (ours.double, Ours.made("b").tags) == (6, ("made",))
    assert ours._replace(size=4)._asdict() == theirs._replace(size=4)._asdict()
    assert (Ours._fields, Ours._field_defaults) == (Theirs._fields, Theirs._field_defaults)
    assert (Ours.__doc__, Ours.__module__, Ours.__match_args__) == (Theirs.__doc__, __name__, Theirs.__match_args__)
    assert typing.get_type_hints(Ours) == typing.get_type_hints(Theirs)


def test_it_is_pickled_and_copied() -> None:
    one = Ours("a", 7)

    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    assert type(pickle.loads(pickle.dumps(one))) is Ours


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        Ours()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword"):
        Ours("a", colour="red")  # type: ignore[call-arg]


def test_a_field_that_there_is_not_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match="Ours has no field 'colour'"):
        Ours("a")._replace(colour="red")  # type: ignore[call-arg]
