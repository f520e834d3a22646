"""mreg: a model registry that needs no server.

    import mreg

    with mreg.Repository.init("registry") as repo:
        result = repo.log("ckpt", "mnist", aliases=["best"], metadata={"metrics": {"acc": 0.97}})
        path = repo.use("mnist:best")

Everything public is importable from here; it is loaded when first asked for, so that `import mreg` is cheap.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without loading that for `mreg --version`

__version__ = "0.1.0"

_EXPORTS = {
    "Repository": "mreg.repository",
    "Resolved": "mreg.operations.resolve",
    "default_cache": "mreg.session.places",
    "find_repository": "mreg.session.places",
    "Alias": "mreg.operations.aliases",
    "log_model": "mreg.integrations.verbs",
    "use_model": "mreg.integrations.verbs",
    "link_model": "mreg.integrations.verbs",
    **dict.fromkeys(
        ("MregError", "Failed", "Incomplete", "InvalidInput", "NotFound", "Conflict", "Damaged", "Refused"),
        "mreg.values.errors",
    ),
    **dict.fromkeys(
        (
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
            "Removed",
            "Usage",
            "UsageItem",
            "Version",
        ),
        "mreg.values.entities",
    ),
}

__all__ = ["__version__", *sorted(_EXPORTS)]

if TYPE_CHECKING:
    from mreg.integrations.verbs import link_model as link_model, log_model as log_model, use_model as use_model
    from mreg.operations.aliases import Alias as Alias
    from mreg.operations.resolve import Resolved as Resolved
    from mreg.repository import Repository as Repository
    from mreg.session.places import default_cache as default_cache, find_repository as find_repository
    from mreg.values.entities import (
        Artifact as Artifact,
        Checkout as Checkout,
        Diff as Diff,
        File as File,
        HistoryEntry as HistoryEntry,
        Input as Input,
        Link as Link,
        LinkResult as LinkResult,
        LogResult as LogResult,
        Model as Model,
        RefChange as RefChange,
        Removed as Removed,
        Usage as Usage,
        UsageItem as UsageItem,
        Version as Version,
    )
    from mreg.values.errors import (
        Conflict as Conflict,
        Damaged as Damaged,
        Failed as Failed,
        Incomplete as Incomplete,
        InvalidInput as InvalidInput,
        MregError as MregError,
        NotFound as NotFound,
        Refused as Refused,
    )


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'mreg' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
