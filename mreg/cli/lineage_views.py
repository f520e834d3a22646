"""A lineage as people and programs read it: a tree, rows, Mermaid, a CycloneDX bill of materials."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mreg.cli import cyclonedx
from mreg.cli.as_json import print_json
from mreg.cli.choosing import told
from mreg.cli.output import Out
from mreg.cli.state import State
from mreg.values.words import size_text

if TYPE_CHECKING:
    from mreg import File, Lineage, LineageNode, Version
    from mreg.values.records import DataSource

DEEPEST = 24
"""Levels of a tree that are shown: each is set further to the right."""

_ABOVE, _DEEPER = "(see above)", "… (--json has all)"


class _Graph:
    """The nodes by digest, and the digests next to each, upwards and downwards."""

    def __init__(self, found: Lineage) -> None:
        self.nodes = {node.digest: node for node in found.nodes}
        self.inputs: dict[str, list[str]] = defaultdict(list)
        self.results: dict[str, list[str]] = defaultdict(list)
        for step in found.steps:
            self.inputs[step.result].append(step.input)
            self.results[step.input].append(step.result)


def show(
    state: State, reference: str, *, up: bool = True, down: bool = True, depth: int | None = None, form: str = "tree"
) -> None:
    """`mreg lineage REFERENCE`"""
    repository = state.repository()
    found = repository.lineage(reference, up=up, down=down, depth=depth, told=told(state))

    def render(out: Out) -> None:
        if form == "mermaid":
            mermaid(out, found)
        elif form == "cyclonedx":
            bom(found, repository.version(reference), repository.files(reference))
        elif out.terminal:
            tree(out, reference, found, up=up, down=down)
        else:
            rows(out, found, up=up, down=down)

    state.emit({"digest": found.digest, "nodes": found.nodes, "steps": found.steps}, render)


def tree(out: Out, reference: str, found: Lineage, *, up: bool, down: bool) -> None:
    """What it was made from (up), then what was made from it and who has it (down)."""
    graph = _Graph(found)
    root = graph.nodes[found.digest]
    asked = "" if reference == root.name else f"{reference} = "
    out.styled((f"{asked}{root.name}", ""), (_details(root), "dim"))
    for line, dim in _branches(graph, found.digest, graph.inputs, "from ") if up else ():
        out.styled((line, ""), (dim, "dim"))
    if not down:
        return
    if graph.results.get(found.digest):
        out.line("made into")
        for line, dim in _branches(graph, found.digest, graph.results, ""):
            out.styled((line, ""), (dim, "dim"))
    held = [*root.links, *root.aliases]
    if held:
        out.line(f"held by    {', '.join(held)}")
    if root.consumers:
        out.line(f"used by    {', '.join(f'{one.run} ({out.when(one.time)})' for one in root.consumers)}")


def _branches(graph: _Graph, start: str, near: dict[str, list[str]], word: str) -> Iterator[tuple[str, str]]:
    """The lines below the first, depth first; each node's own branches are shown once."""
    seen = {start}
    pending = list(reversed(_below(graph, start, near, word, "")))
    while pending:
        digest, line, details, inner = pending.pop()
        if digest in seen:
            yield line, f"  {_ABOVE}"
            continue
        yield line, details
        if digest:
            seen.add(digest)
            deeper = _below(graph, digest, near, word, inner)
            if deeper and len(inner) >= 4 * DEEPEST:
                yield inner + _DEEPER, ""
            else:
                pending += reversed(deeper)


def _below(
    graph: _Graph, digest: str, near: dict[str, list[str]], word: str, indent: str
) -> list[tuple[str, str, str, str]]:
    """Of each branch: the digest ("" of what is no version), the line, details, and how far those below it are set."""
    found = [(other, word + graph.nodes[other].name, _details(graph.nodes[other])) for other in near.get(digest, ())]
    if near is graph.inputs:
        found += [("", f"from {one.kind} {one.name}", _source_details(one)) for one in graph.nodes[digest].sources]
    lines = []
    for left, (other, text, details) in zip(reversed(range(len(found))), found, strict=True):
        branch, inner = ("├── ", "│   ") if left else ("└── ", "    ")
        lines.append((other, indent + branch + text, details, indent + inner))
    return lines


def _details(node: LineageNode) -> str:
    parts = [f"run {node.run}"] if node.run else []
    if node.commit:
        parts.append(f"git {node.commit[:7]}{' (dirty)' if node.dirty else ''}")
    if node.state != "live":
        parts.append({"deleted": "(deleted)", "unknown": "(not in this repository)"}[node.state])
    return "".join(f"  {part}" for part in parts)


def _source_details(source: DataSource) -> str:
    parts = [source.digest[:12]] if source.digest else []
    parts += [size_text(source.size)] if source.size is not None else []
    return f"  ({', '.join(parts)})" if parts else ""


def rows(out: Out, found: Lineage, *, up: bool, down: bool) -> None:
    """kind, name, of what, digest, state: one row per step, source, holder and use."""
    nodes = {node.digest: node for node in found.nodes}
    for step in found.steps:
        source, result = nodes[step.input], nodes[step.result]
        out.table((), [["from", source.name, result.name, source.digest, source.state]])
    for node in found.nodes:
        for one in node.sources if up else ():
            out.table((), [[one.kind, one.name, node.name, one.digest or "", ""]])
        if not down:
            continue
        for kind, held in (("link", node.links), ("alias", node.aliases)):
            out.table((), [[kind, name, node.name, "", ""] for name in held])
        out.table((), [["run", one.run, node.name, "", out.when(one.time)] for one in node.consumers])


def mermaid(out: Out, found: Lineage) -> None:
    """A flowchart; arrows lead from what went in to what came out."""
    numbers = {node.digest: f"n{at}" for at, node in enumerate(found.nodes)}
    out.line("flowchart LR")
    for node in found.nodes:
        text = _escaped([node.name, *_details(node).split("  ")])
        out.line(f'    {numbers[node.digest]}["{text}"]')
    for step in found.steps:
        out.line(f"    {numbers[step.input]} --> {numbers[step.result]}")
    for at, (node, text, shape) in enumerate(_outside(found.nodes)):
        other = f"x{at}"
        out.line(f'    {other}{shape[0]}"{text}"{shape[1]}')
        ends = (numbers[node.digest], other) if shape == _RUN else (other, numbers[node.digest])
        out.line(f"    {' --> '.join(ends)}")


_RUN, _DATA = ("([", "])"), ("[(", ")]")


def _outside(nodes: Iterable[LineageNode]) -> Iterator[tuple[LineageNode, str, tuple[str, str]]]:
    for node in nodes:
        yield from ((node, _escaped([one.name]), _DATA) for one in node.sources)
        yield from ((node, _escaped([one.run]), _RUN) for one in node.consumers)


def _escaped(lines: Sequence[str]) -> str:
    """Mermaid reads entity codes wherever text may stand. Whatever might mean something to it, or to HTML, is one."""
    shown = (line for line in lines if line)
    return "<br/>".join("".join(c if c.isalnum() or c in " ._-/" else f"#{ord(c)};" for c in line) for line in shown)


def bom(found: Lineage, version: Version, files: Sequence[File]) -> None:
    print_json(cyclonedx.document(found, version, files))
