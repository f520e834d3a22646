"""`mreg diff`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mreg.cli.context import Context
from mreg.cli.output import Out, size_text, value_text

if TYPE_CHECKING:
    from mreg import Diff


def diff(
    ctx: Context,
    before: Annotated[str, typer.Argument(metavar="A", help="A version.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another version.")],
) -> None:
    """Compare two versions: files added (+), removed (-) and changed (~), then metadata that differs."""
    found = ctx.obj.repository().diff(before, after)
    if not (found.added or found.removed or found.changed or found.metadata):
        ctx.obj.note(f"{found.before.name} and {found.after.name} do not differ")
    ctx.obj.emit(_body(found), lambda out: _render(out, found))


def _body(found: "Diff") -> dict[str, Any]:
    return {
        "before": found.before.name,
        "after": found.after.name,
        "added": found.added,
        "removed": found.removed,
        "changed": [{"before": old, "after": new} for old, new in found.changed],
        "metadata": {key: {"before": old, "after": new} for key, (old, new) in found.metadata.items()},
    }


def _render(out: Out, found: "Diff") -> None:
    rows = [["+", file.path, size_text(file.size)] for file in found.added]
    rows += [["-", file.path, size_text(file.size)] for file in found.removed]
    rows += [["~", new.path, f"{size_text(old.size)} -> {size_text(new.size)}"] for old, new in found.changed]
    rows += [["=", key, f"{_text(old)} -> {_text(new)}"] for key, (old, new) in found.metadata.items()]
    if rows:
        out.table(["", found.before.name, found.after.name], rows)


def _text(value: Any) -> str:
    return "(none)" if value is None else value_text(value)
