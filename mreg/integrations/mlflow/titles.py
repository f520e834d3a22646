"""MLflow's names of registered models, and mreg's.

MLflow takes almost any text, of 256 characters, and minds upper and lower case. What mreg takes too is the same there.
Anything else gets a name made of it and of a digest (`Fraud!` is `Fraud-4c2d61f0`), and the property `mreg.title` says
what MLflow calls it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import dropwhile
from typing import Any, Final

from mreg.values import alphabet
from mreg.values.digest import digest
from mreg.values.names import is_beyond_ascii, is_name

TITLE: Final = "mreg.title"
_LONGEST: Final = 100
_MOST_BYTES: Final = 180
_DIGITS: Final = 8


def names_of(title: str) -> list[str]:
    """The names that it may have in the repository: its own, or else, where that cannot be or is another's already, the
    one that is made of it."""
    return [title, made_of(title)] if is_name(title) else [made_of(title)]


def said(name: str, title: str) -> dict[str, str | None]:
    """The property of the collection of that name: a title where the name is not that, else none."""
    return {TITLE: None if name == title else title}


def made_of(title: str) -> str:
    """A name that stands for the title, and for no other."""
    return f"{_plain(title) or 'model'}-{digest(title.encode('utf-8', 'surrogatepass'))[:_DIGITS]}"


def _plain(title: str) -> str:
    """The letters and digits of the title, of any script, as far as there is room for them."""
    kept = "".join(c if _is_letter(c) else "-" for c in unicodedata.normalize("NFC", title))
    begun = "".join(dropwhile(lambda c: c == "-" or c in alphabet.marks, re.sub("-+", "-", kept)))
    return begun[:_LONGEST].encode()[:_MOST_BYTES].decode(errors="ignore").rstrip("-")


def _is_letter(character: str) -> bool:
    return character.isalnum() if character.isascii() else is_beyond_ascii(character)


def title_of(name: str, properties: Mapping[str, Any]) -> str:
    """What MLflow calls the collection. A title by which it could not be found is not heeded."""
    title = properties.get(TITLE)
    return title if isinstance(title, str) and name == made_of(title) else name
