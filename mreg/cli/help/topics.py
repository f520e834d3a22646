"""What `mreg help TOPIC` explains, beside commands. Paragraphs flow; indented lines stay as they are."""

from __future__ import annotations

from mreg.cli.exit_codes import MEANINGS
from mreg.cli.layout import wrapped
from mreg.values.formats import FIRST, NEWEST

FILTERS = """\
A filter selects versions by an expression, like SQL's WHERE and MLflow's
filter_string. Put it in quotes.

  metrics.acc >= 0.9 and params.arch in ('resnet50', 'vit')

Keys
  strings   artifact (mnist), name (mnist:v3), digest manifest message run
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
A reference selects one version:

  mnist             the latest version of mnist, the highest that is not deleted
  mnist:v3          version 3
  mnist:best        the version that the alias best points at
  mnist:latest      the latest one
  mnist:@7145c319   by the first 8 or more hex digits of its digest

The name is that of an artifact, which contains versions, or of a registered
model, which contains links to versions: digits:v2 is link number 2, and
digits:production the link that the alias points at. Both share one namespace.

Numbers count up from v0 and are never reused. Aliases move: `mreg resolve`
prints the version that a reference currently selects, as NAME:vN, which always
refers to the same version.

Names and aliases are 1 to 128 letters and digits of any script, `.`, `_` and `-`.
`latest` and `v` with a number are reserved.

A script can select a version by its metadata with --where (`mreg help filters`):

  mreg use mnist --where "metrics.acc > 0.9" --sort -metrics.acc
"""

JSON = """\
With --json, before or after its name, every command prints one JSON document on
standard output, and nothing on standard error unless it fails. Keys are
documented in docs/json.md; a removed or renamed key is listed in the changelog.

  mreg resolve mnist:best --json | jq -r .name
  mreg ls mnist --json | jq '.versions[] | [.number, .metadata.metrics.acc]'

An error is one document on standard error, with the same exit code as without
--json:

  {"error": {"code": "unknown-alias", "message": "…", "hint": "…", …}}

Other keys hold the details of the message, such as the name that was not found.
Codes do not change between releases; messages may.

Without --json, what a command prints into a pipe is tab-separated, with nothing
cut, sizes as on a terminal, and times in RFC 3339; there are no headings.
"""

FORMATS = f"""\
A repository has a format number; `mreg version` shows those that this release
reads and writes ({FIRST} to {NEWEST}).

  mreg init --format 1   create one that older releases can use too
  mreg upgrade           raise it; older releases then refuse the repository

In an older format, features that need a newer one are refused (`needs-format`).
Only `mreg upgrade` raises the format; it cannot be undone.

docs/format.md specifies the format on disk, byte by byte. Files that contain
tensors (safetensors, PyTorch, NPY, NPZ, GGUF, HDF5) are cut along them, so that
equal tensors are stored once. All files are returned byte for byte.
"""


_AFTER = """\
After 4, the same command may succeed if repeated; after 7, it does not. A
command that exits with 2, 3, 4, 6 or 7 has changed nothing. Three kinds of
finished work are kept: packs that `gc --repack` has rewritten, packs that a
transfer has sent, and entries that `mirror` has copied.

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
