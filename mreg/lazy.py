"""Modules that are loaded on first use: start-up time is a feature, and most commands need little of mreg.

- Of mreg: `from mreg import upkeep` loads the room's `__init__.py`, which is all but empty, and the first
  `upkeep.gc.gc(…)` loads `mreg.upkeep.gc`. Each room that is used so says `__getattr__ = modules_of(__name__)`
  (PEP 562), and names its modules for type checkers.
- Of others: modules that are slow to load, and that few commands need, are attributes of this module:
  `lazy.json.loads(…)`. They are named below, for type checkers.

What is needed at once is imported at the top of a file, as everywhere. An import within a function says why.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as `typing` has it, without loading that for `mreg --version`

if TYPE_CHECKING:
    import base64 as base64
    import ctypes as ctypes
    import datetime as datetime
    import difflib as difflib
    import fcntl as fcntl
    import json as json
    import pathlib as pathlib
    import platform as platform
    import pwd as pwd
    import shlex as shlex
    import shutil as shutil
    import tomllib as tomllib
    import traceback as traceback
    import unicodedata as unicodedata
    from collections.abc import Callable
    from types import ModuleType

    import markdown_it as markdown_it
    import pyfastcdc as pyfastcdc
    import tomli_w as tomli_w
else:

    def __getattr__(name):
        if name.startswith("_"):
            raise AttributeError(name)
        module = globals()[name] = load(name)
        return module


def load(name: str) -> ModuleType:
    """The module of this full name, as `importlib.import_module` gives it."""
    __import__(name)
    return sys.modules[name]


def modules_of(package: str) -> Callable[[str], ModuleType]:
    """The `__getattr__` of a package whose modules are loaded when they are first used."""

    def module(name: str) -> ModuleType:
        whole = f"{package}.{name}"
        if not name.startswith("_"):
            try:
                return load(whole)
            except ModuleNotFoundError as error:
                if error.name != whole:
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return module
