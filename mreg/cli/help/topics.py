"""What `mreg help TOPIC` explains, beside commands. Paragraphs flow; indented lines stay as they are."""

from __future__ import annotations

from mreg.cli.exit_codes import MEANINGS
from mreg.cli.layout import wrapped
from mreg.values.formats import FIRST, NEWEST

FILTERS = """\
A filter says which versions are meant, as SQL's WHERE and MLflow's
filter_string do. Put it in quotes.

  metrics.acc >= 0.9 and params.arch in ('resnet50', 'vit')

Keys
  texts     artifact (mnist), name (mnist:v3), digest manifest message run
            author host type kind
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

REFERENCES = """\
A reference names one version:

  mnist             the latest version of mnist, the highest that is not deleted
  mnist:v3          version 3
  mnist:best        the version that the alias best is on
  mnist:latest      the latest one
  mnist:@7145c319   by the first 8 or more hex digits of its digest

The name is that of an artifact, which owns versions, or of a registered model,
whose versions are links to versions of artifacts: digits:v2 is the link number
2, digits:production the link that the alias is on. Both share one namespace.

Numbers count up from v0 and are never given twice. Aliases move: `mreg resolve`
prints the version that a reference means now, as NAME:vN, which means the same
for ever.

Names and aliases are 1 to 128 letters and digits of any script, `.`, `_` and `-`.
An alias is never called latest, or v and a number.

A script asks for a version by its qualities with --where (`mreg help filters`):

  mreg use mnist --where "metrics.acc > 0.9" --sort -metrics.acc
"""

JSON = """\
With --json, before or after its name, every command prints one JSON document on
standard output, and nothing on standard error, unless it fails. Keys are
documented in docs/json.md, and do not change between releases.

  mreg resolve mnist:best --json | jq -r .name
  mreg ls mnist --json | jq '.versions[] | [.number, .metadata.metrics.acc]'

An error is one document on standard error, and the exit code is as without
--json:

  {"error": {"code": "unknown-alias", "message": "…", "hint": "…", …}}

The other keys are the facts of the message, such as the name that was not found.
Codes do not change between releases; messages may.

Without --json, what a command prints into a pipe is tab-separated, with nothing
cut, sizes as on a terminal, and times in RFC 3339; there are no headings.
"""

FORMATS = f"""\
A repository has a format, a number: `mreg version` shows which of them this
release reads and writes ({FIRST} to {NEWEST}).

  mreg init --format 1   make one that older releases can use too
  mreg upgrade           raise it; older releases then refuse the repository

What needs the newer format is refused with `needs-format` in an older one. Only
`mreg upgrade` raises it, and it cannot be undone.

What is on disk is specified, byte by byte, in docs/format.md. Files in a
repository are cut where the tensors of safetensors, PyTorch, NPY, NPZ, GGUF and
HDF5 files begin, so that equal tensors are stored once. Files of any kind come
out as they went in.
"""


_AFTER = """\
4 may go away when the same command is repeated; 7 does not. A command that ends
with 2, 3, 4, 6 or 7 has changed nothing.

More: docs/reference.md
"""


def _exit_codes() -> str:
    rows = [
        f"{f'{code:>5}' if number == 0 else '     '}  {line}"
        for code, meaning in MEANINGS.items()
        for number, line in enumerate(wrapped(meaning, 70))
    ]
    return "\n".join(["Exit codes:", "", *rows, "", _AFTER])


TOPICS = {
    "references": REFERENCES,
    "filters": FILTERS,
    "exit-codes": _exit_codes(),
    "json": JSON,
    "formats": FORMATS,
}
NAMES = [*TOPICS, "options", "commands"]
