"""The package that an integration is for, where it cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(package: str, install: str) -> Iterator[None]:
    """Raises ImportError, saying what to install, for one that is raised within."""
    try:
        yield
    except ImportError as error:
        words = f"this integration of mreg needs {package}, which cannot be loaded ({error}): pip install {install}"
        raise ImportError(words, name=error.name, path=error.path) from error
