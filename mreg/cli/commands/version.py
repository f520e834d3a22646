"""`mreg version`."""

import platform

import mreg
from mreg.cli.state import State


def version(state: State) -> None:
    """Print the versions of mreg and of its formats."""
    python, numbers = platform.python_version(), mreg.formats()
    formats = ", ".join(f"{name} {number}" for name, number in numbers.items())
    state.emit(
        {"mreg": mreg.__version__, "python": python, "formats": numbers},
        lambda out: out.fields([("mreg", mreg.__version__), ("python", python), ("formats", formats)]),
    )
