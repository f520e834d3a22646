"""The exporters, by name."""

from __future__ import annotations

from typing import Final

from mreg import lazy
from mreg.exporters.plan import Plan, Subject
from mreg.values.errors import InvalidInput

__all__ = ["FORMS"]

FORMS: Final = {
    "folder": "mreg.exporters.folder",
    "hf": "mreg.exporters.huggingface",
    "oci": "mreg.exporters.oci",
}
"""The module of each form in which a version can be exported."""


class UnknownForm(InvalidInput):
    code = "unknown-form"
    template = "{form!r} is not one of {known}"

    form: str
    known: str


def plan(form: str, subject: Subject) -> Plan:
    """What the exporter would write. Raises UnknownForm, and as the exporter does."""
    found: Plan = lazy.load(FORMS[check_form(form)]).plan(subject)
    return found


def check_form(form: str) -> str:
    """`form` itself. Raises UnknownForm."""
    if form not in FORMS:
        raise UnknownForm(form=form, known=", ".join(FORMS))
    return form
