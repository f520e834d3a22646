"""`mreg help`: of a command, or about a topic that several commands share."""

from typing import Annotated

import typer

from mreg.cli.context import Context

FILTERS = """\
A filter says which versions are meant, as SQL's WHERE and MLflow's
filter_string do. Put it in quotes.

  metrics.acc >= 0.9 and params.arch in ('resnet50', 'vit')

Keys
  texts     name artifact digest manifest message run author host type kind
  numbers   number files size created age
  sets      alias tag link model input license base_model
            (= some element, != no element)
  metadata  anything else: metrics.acc, `odd/key`, meta.size

Tests
  = != < <= > >=   in (1, 2)   between 1 and 2   has K   K is null
  like 'res%'   ilike 'RES%'   glob 'res*'   contains 'res'   ~ '^res'
  K alone: true, or a number other than 0
  together: and, or, not, ( )

Values
  'text'   0.9   1e-3   true   false   nan   inf
  size > 1GB   size <= 512MiB
  age < 30d (s m h d w)   created >= 2026-11-20

Types never mix: '42' is not 42, and NaN matches `= nan` only. A missing key
makes a test false: `k != 1` means "has k, and it is not 1"; `not k = 1` also
matches versions without k.

More, with forty queries: docs/filters.md
"""

TOPICS = {"filters": FILTERS}


def help_(
    ctx: Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND|TOPIC]", help="A command, or the topic `filters`.")
    ] = None,
) -> None:
    """Explain a command, as its --help does, or a topic."""
    topic = TOPICS.get(" ".join(words or ()))
    if topic is not None:
        ctx.obj.emit({"topic": (words or [""])[0], "text": topic}, lambda out: print(topic, end=""))
        return
    root = ctx.find_root().command
    root.main(args=[*(words or ()), "--help"], prog_name="mreg", standalone_mode=False, obj=ctx.obj)
