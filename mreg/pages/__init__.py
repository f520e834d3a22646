"""A repository as pages for a browser, which need no server: `mreg html`."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.pages import report as report
else:
    __getattr__ = modules_of(__name__)
