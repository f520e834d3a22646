"""Help: pages of commands, and topics. Shown without loading the parser, which would take five times as long."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.cli.help import show as show
else:
    __getattr__ = modules_of(__name__)
