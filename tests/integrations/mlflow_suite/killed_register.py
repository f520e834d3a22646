"""Registers a model in forks, each of which dies before another one of its system calls, until one lives.

Prints for each the versions that were there afterwards. Arguments: URI of the registry, model, step between calls.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import mlflow

from mreg.integrations.mlflow.store import ModelRegistry

CALLS = ("open", "write", "pwrite", "writev", "fsync", "fdatasync", "ftruncate", "link", "rename", "replace", "mkdir")
CALLS += ("unlink", "rmdir", "utime", "copy_file_range", "sendfile")


def dying(name: str, left: list[int]) -> Any:
    call = getattr(os, name)

    def counted(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            os._exit(137)
        return call(*given, **named)

    return counted


def register(uri: str, source: str, die: int) -> bool:
    """Whether it lived."""
    child = os.fork()
    if not child:
        left = [die]
        for name in CALLS:
            setattr(os, name, dying(name, left))
        mlflow.register_model(source, "digits")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main() -> None:
    uri, source, step = sys.argv[1:]
    mlflow.set_registry_uri(uri)
    lived, die = False, 1
    while not lived:
        lived = register(uri, source, die)
        found = ModelRegistry(uri).search_model_versions("name = 'digits'")
        print(json.dumps(sorted(int(one.version) for one in found)), flush=True)
        die += int(step)


main()
