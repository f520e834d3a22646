"""The commands, one module per subject. `mreg.cli.registry` says where each one is.

None of them says `from __future__ import annotations`: `mreg.cli.declared` reads the annotations, and
evaluating them from text takes milliseconds.
"""

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.cli.commands import filtering as filtering, past as past
else:
    __getattr__ = modules_of(__name__)
