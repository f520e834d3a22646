"""Prints pages of help."""

from __future__ import annotations

from mreg.cli.help import pages, topics
from mreg.cli.output import USUAL_WIDTH, Out, width_of_terminal
from mreg.cli.state import State


def is_page(words: str) -> bool:
    """Whether it is a command, or nothing."""
    return not words or pages.is_page(words)


def page(state: State, words: str) -> None:
    """`mreg [COMMAND] --help`"""
    out = Out(terminal=state.terminal, color=state.color)
    for line in _lines(words, out.width):
        out.styled(*line)


def is_explained(words: str) -> bool:
    """Whether `mreg help` knows these words."""
    return not words or words in topics.NAMES or pages.is_page(words)


def explain(state: State, words: str) -> None:
    """`mreg help [COMMAND | TOPIC]`"""
    lines = list(_lines(words, USUAL_WIDTH if state.json else width_of_terminal(1)))
    text = "".join("".join(part for part, _ in line).rstrip() + "\n" for line in lines)

    def render(out: Out) -> None:
        for line in lines:
            out.styled(*line)

    state.emit({"topic": words, "text": text}, render)


def _lines(words: str, width: int) -> pages.Lines:
    if not words:
        return pages.overview(topics.NAMES, width)
    if words in topics.TOPICS:
        return pages.topic(topics.TOPICS[words], width)
    if words in topics.NAMES:
        return {"options": pages.options, "commands": pages.commands}[words](width)
    return pages.page(words, width)
