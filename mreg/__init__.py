"""mreg: a model registry that needs no server.

    import mreg

    with mreg.Repository.init("registry") as repo:
        result = repo.log("ckpt", "mnist", aliases=["best"], metadata={"metrics": {"acc": 0.97}})
        path = repo.use("mnist:best")

Everything public is importable from here: what the modules below name in their `__all__`. Each is loaded when a name is
asked for that is in none of those before it, so that `import mreg` is cheap.
"""

from __future__ import annotations

from mreg import lazy

TYPE_CHECKING = False  # as `typing` has it, without loading that for `mreg --version`

__version__ = "0.2.0"

_PUBLIC = (
    "mreg.values.errors",
    "mreg.repository",
    "mreg.operations.capture",
    "mreg.values.changed",
    "mreg.integrations.verbs",
    "mreg.values.entities",
    "mreg.values.exports",
    "mreg.values.filters.filter",
    "mreg.values.front_matter",
    "mreg.values.imports",
    "mreg.values.lineage",
    "mreg.values.tensors",
    "mreg.values.transfers",
    "mreg.session.config",
    "mreg.session.remotes",
    "mreg.session.trust",
    "mreg.exporters.kinds",
    "mreg.importers.kinds",
    "mreg.operations.aliases",
    "mreg.operations.interpreter",
    "mreg.operations.metrics",
    "mreg.operations.past",
    "mreg.operations.upgrade",
    "mreg.pages.report",
    "mreg.upkeep.findings",
    "mreg.upkeep.gc",
    "mreg.checkout.cache",
)

if TYPE_CHECKING:  # the same, for type checkers
    from mreg.checkout.cache import *
    from mreg.exporters.kinds import *
    from mreg.importers.kinds import *
    from mreg.integrations.verbs import *
    from mreg.operations.aliases import *
    from mreg.operations.capture import *
    from mreg.operations.interpreter import *
    from mreg.operations.metrics import *
    from mreg.operations.past import *
    from mreg.operations.upgrade import *
    from mreg.pages.report import *
    from mreg.repository import *
    from mreg.session.config import *
    from mreg.session.remotes import *
    from mreg.session.trust import *
    from mreg.upkeep.findings import *
    from mreg.upkeep.gc import *
    from mreg.values.changed import *
    from mreg.values.entities import *
    from mreg.values.errors import *
    from mreg.values.exports import *
    from mreg.values.filters.filter import *
    from mreg.values.front_matter import *
    from mreg.values.imports import *
    from mreg.values.lineage import *
    from mreg.values.tensors import *
    from mreg.values.transfers import *
else:

    def __getattr__(name):
        if name == "__all__":
            return ["__version__", *sorted(public for module in map(lazy.load, _PUBLIC) for public in module.__all__)]
        try:
            return _room(name)
        except AttributeError:
            for module in () if name.startswith("_") else map(lazy.load, _PUBLIC):
                if name in module.__all__:
                    value = globals()[name] = getattr(module, name)
                    return value
            raise

    _room = lazy.modules_of(__name__)

    def __dir__():
        return __getattr__("__all__")
