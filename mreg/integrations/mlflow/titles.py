"""MLflow's names of registered models, and mreg's.

MLflow takes almost any text, of 256 characters, and minds upper and lower case. What mreg takes too is the same there.
Anything else gets a name made of it and of a digest (`Fraud!` is `Fraud-4c2d61f0`), and the property `mreg.title` says
what MLflow calls it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mreg.values.digest import digest
from mreg.values.names import is_name

TITLE: Final = "mreg.title"
_LONGEST: Final = 100
_DIGITS: Final = 8


def names_of(title: str) -> list[str]:
    """The names that it may have in the repository: its own, or else, where that cannot be or is another's already, the
    one that is made of it."""
    return [title, made_of(title)] if is_name(title) else [made_of(title)]


def made_of(title: str) -> str:
    """A name that stands for the title, and for no other."""
    plain = re.sub("[^A-Za-z0-9]+", "-", title)[:_LONGEST].strip("-")
    return f"{plain or 'model'}-{digest(title.encode('utf-8', 'surrogatepass'))[:_DIGITS]}"


def title_of(name: str, properties: Mapping[str, Any]) -> str:
    """What MLflow calls the collection. A title by which it could not be found is not heeded."""
    title = properties.get(TITLE)
    return title if isinstance(title, str) and name == made_of(title) else name
