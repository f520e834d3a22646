"""`mreg help`: of a command, or about a topic that several commands share."""

from typing import Annotated

from mreg.cli import other_words
from mreg.cli.declared import Argument
from mreg.cli.errors import UnknownTopic
from mreg.cli.help import show
from mreg.cli.help.topics import NAMES
from mreg.cli.registry import COMMANDS
from mreg.cli.state import State


def help_(
    state: State,
    words: Annotated[
        list[str] | None, Argument(metavar="[COMMAND|TOPIC]", help="A command, or a topic: see `mreg help`.")
    ] = None,
) -> None:
    """Explain a command, as its --help does, or a topic.

    Topics: references, filters, exit-codes, json, formats, options (of every command), commands (all of them).
    """
    wanted = " ".join(words or ())
    if wanted and not show.is_explained(wanted):
        raise UnknownTopic(name=wanted, near=other_words.command(wanted, [*COMMANDS, *NAMES]))
    show.explain(state, wanted)
