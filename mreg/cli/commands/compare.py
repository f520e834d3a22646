"""`mreg diff`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from mreg import cli
from mreg.cli.declared import Argument, Option
from mreg.cli.errors import BadUsage
from mreg.cli.exit_codes import DAMAGED, DONE, UNMET
from mreg.cli.layout import width_of
from mreg.cli.output import Out
from mreg.cli.progress import Bar
from mreg.cli.state import State
from mreg.cli.text import one_line, path_text
from mreg.values.entities import LocalFiles
from mreg.values.named_tuple import NamedTuple
from mreg.values.names import split_remote
from mreg.values.words import count_text, size_text, value_text

if TYPE_CHECKING:
    from mreg import Diff, File, Version

SORTS = ("relative", "name", "size", "max")


def diff(
    state: State,
    before: Annotated[str, Argument(metavar="A", help="A version, or a path that begins with /, ./, ../ or ~.")],
    after: Annotated[str, Argument(metavar="B", help="The version or path to compare it with.")],
    globs: Annotated[
        list[str] | None,
        Argument(metavar="[GLOB]...", help="With --tensors or --stat: only tensors whose names match."),
    ] = None,
    tensors: Annotated[bool, Option("--tensors", help="List tensors and how much their values differ.")] = False,
    stat: Annotated[bool, Option("--stat", help="Summarize tensors by layer.")] = False,
    files: Annotated[bool, Option("--files", help="Show files.")] = False,
    metadata: Annotated[bool, Option("--metadata", help="Show metadata.")] = False,
    sort: Annotated[
        str, Option("--sort", metavar="KEY", help=f"Order of changed tensors: {', '.join(SORTS)}.")
    ] = "relative",
    limit: Annotated[int | None, Option("--limit", metavar="N", least=0, help="List at most N tensors.")] = None,
    everything: Annotated[bool, Option("--all", help="List equal tensors too.")] = False,
    strip: Annotated[str, Option("--strip-prefix", metavar="PREFIX", help="Ignore this prefix of tensor names.")] = "",
    strip_before: Annotated[
        str, Option("--strip-prefix-a", metavar="PREFIX", help="The same, only for names in A.")
    ] = "",
    strip_after: Annotated[
        str, Option("--strip-prefix-b", metavar="PREFIX", help="The same, only for names in B.")
    ] = "",
    exit_code: Annotated[bool, Option("--exit-code", help="Exit with 7 if there are differences.")] = False,
) -> int:
    """Compare two versions, or a version with files outside the repository.

    Without options: files added (+), removed (-) and changed (~), how many of their tensors differ, and metadata that
    differs. Options choose what is shown of these.

    With --tensors, list tensors: with new NaN or infinite values (!), changed (~), of another dtype (c) or shape
    (s), renamed (r), added, removed, and those that could not be compared (x).
    """
    if sort not in SORTS:
        raise BadUsage(f"{sort!r} is not one of {', '.join(SORTS)}", name="--sort")
    listed = tensors or stat
    if globs and not listed:
        raise BadUsage("patterns require --tensors or --stat", name="GLOB")
    whole = not (listed or files or metadata)
    with Bar("comparing", state) as bar:
        found = state.repository().diff(
            before,
            after,
            tensors=globs or bool(listed or whole),
            statistics=listed,
            strip_prefix=(strip_before or strip, strip_after or strip),
            everything=listed,
            progress=bar,
        )
    for side in (found.before, found.after) if metadata else ():
        if isinstance(side, LocalFiles):
            raise BadUsage(f"{side.name} is not a version and has no metadata", name="--metadata")
    names = _called(before, found.before), _called(after, found.after)
    shown = _Shown(names, files or whole, metadata or whole, tensors, stat, globs or ())
    table = cli.tensor_table.Table(found, sort, limit, everything) if found.tensors else None
    state.emit(_body(names, found, table), lambda out: _render(out, found, shown, table))
    return _ended(state, found, shown, exit_code)


def _called(typed: str, side: "Version | LocalFiles") -> str:
    """The side's name, with the remote in which it is."""
    remote = None if isinstance(side, LocalFiles) else split_remote(typed)[0]
    return f"{remote}/{side.name}" if remote else side.name


class _Shown:
    """The parts of a comparison that are shown. names: of both sides."""

    def __init__(
        self, names: tuple[str, str], files: bool, metadata: bool, tensors: bool, stat: bool, globs: Sequence[str]
    ) -> None:
        self.names = names
        self.files, self.metadata, self.tensors, self.stat = files, metadata, tensors, stat
        self._globs = globs

    def differs(self, found: "Diff") -> bool:
        """Whether any of them is not the same on both sides."""
        by_files = self.files and any(
            (found.added, found.removed, found.changed, found.added_folders, found.removed_folders)
        )
        by_tensors = (self.tensors or self.stat) and found.tensors and found.tensors.differs
        return bool(by_files or by_tensors or (self.metadata and found.metadata))

    def equal_text(self, found: "Diff") -> str:
        """That none of them differs."""
        sides = " and ".join(_named(side, file) for side, file in zip(self.names, found.only, strict=True))
        listed = self.tensors or self.stat
        asked = {"files": self.files, "metadata": self.metadata, "tensors": listed and not self._globs}
        words = [word for word, is_shown in asked.items() if is_shown]
        if words == ["files", "metadata"] and not listed:
            return f"{sides} do not differ"
        these = ", ".join([*words[:-2], " and ".join(words[-2:])])
        of_these = f"the {these} of {sides} {'does' if these == 'metadata' else 'do'} not differ"
        of_tensors = f"no tensor of {sides} that matches {' or '.join(map(repr, self._globs))} differs"
        return ", and ".join([of_these] * bool(words) + [of_tensors] * bool(self._globs))


def _ended(state: State, found: "Diff", shown: _Shown, exit_code: bool) -> int:
    """The last notes, and the exit code."""
    differs = shown.differs(found)
    if not differs:
        state.note(shown.equal_text(found))
    if found.tensors is None:
        return UNMET if exit_code and differs else DONE
    for option, prefix, name in zip("ab", found.tensors.prefixes, shown.names, strict=True):
        if prefix:
            state.note(
                f"all tensor names of {name} begin with {prefix}; to match them, add --strip-prefix-{option} {prefix}"
            )
    damaged = sum(one.damaged for one in found.tensors.skipped)
    if damaged:
        what = count_text(damaged, "tensor or file", "tensors or files")
        state.warn(f"{what} cannot be read: `mreg fsck --full` lists all damage")
        return DAMAGED
    if shown.files and not shown.tensors and differs and found.tensors.differs:
        state.note("--tensors lists the tensors")
    return UNMET if exit_code and differs else DONE


def _named(side: str, file: str | None) -> str:
    """file: the only one of the side that was compared."""
    return side if file is None else f"{path_text(file)} of {side}"


def _body(names: tuple[str, str], found: "Diff", table: "cli.tensor_table.Table | None") -> dict[str, Any]:
    return {
        "before": names[0],
        "after": names[1],
        "added": found.added,
        "removed": found.removed,
        "changed": [{"before": old, "after": new} for old, new in found.changed],
        "added_folders": found.added_folders,
        "removed_folders": found.removed_folders,
        "metadata": {
            key: {"before": old, "after": new, "difference": _difference(old, new)}
            for key, (old, new) in found.metadata.items()
        },
        "tensors": table.document() if table else None,
    }


class _Row(NamedTuple):
    """A file or a key of metadata. tensors: how many of the file's differ."""

    sign: str
    name: str
    text: str
    tensors: str = ""


def _render(out: Out, found: "Diff", shown: _Shown, table: "cli.tensor_table.Table | None") -> None:
    listed = table if shown.tensors or shown.stat else None
    if out.terminal and shown.differs(found):
        counts = f"   {listed.counts_text()}" if listed else ""
        out.styled((f"{' -> '.join(shown.names)}{counts}", "dim"))
    if shown.tensors and table:
        table.show(out)
    if shown.stat and table:
        table.show_groups(out)
    rows = list(_file_rows(found, table.by_group() if table and not listed else {})) if shown.files else []
    if shown.metadata:
        rows += [_metadata_row(out, key, *pair) for key, pair in found.metadata.items()]
    if out.terminal:
        _show(out, rows)
    else:
        out.table((), [[row.sign, row.name, ", ".join(filter(None, row[2:]))] for row in rows])


def _show(out: Out, rows: list[_Row]) -> None:
    """On a terminal: what is said of a file's tensors stands below it."""
    width = max((width_of(one_line(row.name)) for row in rows), default=0)
    for row in rows:
        space = " " * (width - width_of(one_line(row.name)))
        out.styled((row.sign, row.sign), (f" {row.name}", ""), (f"{space}  {row.text}" if row.text else "", ""))
        if row.tensors:
            out.styled((f"    {row.tensors}", "dim"))


def _file_rows(found: "Diff", counted: dict[str, str]) -> Iterator[_Row]:
    """counted: by file or set of shards, how many tensors differ."""
    files = [("+", file.path, size_text(file.size)) for file in found.added]
    files += [("+", f"{folder}/", "empty") for folder in found.added_folders]
    files += [("-", file.path, size_text(file.size)) for file in found.removed]
    files += [("-", f"{folder}/", "empty") for folder in found.removed_folders]
    files += [("~", new.path, _change(old, new)) for old, new in found.changed]
    yield from (_Row(sign, path_text(path), text, counted.pop(path, "")) for sign, path, text in files)
    yield from (_Row("~", path_text(group), "", text) for group, text in counted.items())


def _metadata_row(out: Out, key: str, old: Any, new: Any) -> _Row:
    text, by = f"{_text(old)} -> {_text(new)}", _difference(old, new)
    if by and out.terminal:
        text += f"  {'▲' if by > 0 else '▼'} {abs(by):.6g}"
    return _Row("=", key, text)


def _difference(old: Any, new: Any) -> float | None:
    """By how much a number grew, rounded to what floats tell for sure."""
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in (old, new)):
        return None
    try:
        by = new - old
    except OverflowError:
        return None
    if isinstance(by, float):
        by = float(f"{by:.12g}")
    return by if abs(by) < float("inf") else None


def _change(old: "File", new: "File") -> str:
    """What differs in a file."""
    bits = "executable" if new.executable else "not executable"
    if old.digest == new.digest:
        return f"now {bits}"
    sizes = f"{size_text(old.size)} -> {size_text(new.size)}"
    return sizes if old.executable == new.executable else f"{sizes}, now {bits}"


def _text(value: Any) -> str:
    return "(none)" if value is None else value_text(value)
