"""Output on a terminal, made by Rich.

The only module that imports Rich, which takes longer than most commands; it is loaded when there is something to show
on a terminal.
"""

from __future__ import annotations

import os

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress as Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.segment import Segment, Segments

from mreg.cli.control import undriven


def markdown(text: str, *, color: bool) -> None:
    """Rendered Markdown."""
    console = _console(color=color)
    rendered = console.render(Markdown(undriven(text.replace("\r\n", "\n"))))
    # Again, as Markdown has ways to write any character in plain letters (`&#8238;`).
    console.print(Segments([Segment(undriven(part.text), part.style, part.control) for part in rendered]))


def bar(label: str, total: int, *, color: bool) -> Progress:
    """A progress bar on standard error, started."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=_console(color=color, stderr=True), transient=True)
    progress.add_task(label, total=total)
    progress.start()
    return progress


def _console(*, color: bool, stderr: bool = False) -> Console:
    """Without colours, as `--no-color` and NO_COLOR want it, there is nothing bold or underlined either."""
    plain = not color or os.environ.get("NO_COLOR")
    return Console(stderr=stderr, color_system=None if plain else "auto", highlight=False)
