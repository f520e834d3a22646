"""mreg: a model registry that needs no server.

    import mreg

    with mreg.Repository.init("registry") as repo:
        result = repo.log("ckpt", "mnist", aliases=["best"], metadata={"metrics": {"acc": 0.97}})
        path = repo.use("mnist:best")

Everything public is importable from here; it is loaded when first asked for, so that `import mreg` is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_EXPORTS = {
    "Repository": "mreg.repository",
    "Resolved": "mreg.resolve",
    "default_cache": "mreg.places",
    "find_repository": "mreg.places",
    "log_model": "mreg.verbs",
    "use_model": "mreg.verbs",
    "link_model": "mreg.verbs",
    **dict.fromkeys(
        ("MregError", "Failed", "InvalidInput", "NotFound", "Conflict", "Damaged", "Refused"), "mreg.errors"
    ),
    **dict.fromkeys(
        (
            "Alias",
            "Artifact",
            "Checkout",
            "Diff",
            "File",
            "HistoryEntry",
            "Input",
            "Link",
            "LinkResult",
            "LogResult",
            "Model",
            "RefChange",
            "Usage",
            "Version",
        ),
        "mreg.entities",
    ),
}

__all__ = ["__version__", *sorted(_EXPORTS)]

if TYPE_CHECKING:
    from mreg.entities import (
        Alias as Alias,
    )
    from mreg.entities import (
        Artifact as Artifact,
    )
    from mreg.entities import (
        Checkout as Checkout,
    )
    from mreg.entities import (
        Diff as Diff,
    )
    from mreg.entities import (
        File as File,
    )
    from mreg.entities import (
        HistoryEntry as HistoryEntry,
    )
    from mreg.entities import (
        Input as Input,
    )
    from mreg.entities import (
        Link as Link,
    )
    from mreg.entities import (
        LinkResult as LinkResult,
    )
    from mreg.entities import (
        LogResult as LogResult,
    )
    from mreg.entities import (
        Model as Model,
    )
    from mreg.entities import (
        RefChange as RefChange,
    )
    from mreg.entities import (
        Usage as Usage,
    )
    from mreg.entities import (
        Version as Version,
    )
    from mreg.errors import (
        Conflict as Conflict,
    )
    from mreg.errors import (
        Damaged as Damaged,
    )
    from mreg.errors import (
        Failed as Failed,
    )
    from mreg.errors import (
        InvalidInput as InvalidInput,
    )
    from mreg.errors import (
        MregError as MregError,
    )
    from mreg.errors import (
        NotFound as NotFound,
    )
    from mreg.errors import (
        Refused as Refused,
    )
    from mreg.places import default_cache as default_cache
    from mreg.places import find_repository as find_repository
    from mreg.repository import Repository as Repository
    from mreg.resolve import Resolved as Resolved
    from mreg.verbs import link_model as link_model
    from mreg.verbs import log_model as log_model
    from mreg.verbs import use_model as use_model


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'mreg' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
