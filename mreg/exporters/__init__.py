"""Versions out to other tools: each exporter says which files another tool wants, and of what they are made.

The contract. An exporter is a module with

    def plan(subject: Subject) -> Plan    what is to be written (`exporters/plan.py`)

and an entry in `exporters/kinds.py`. `plan` only looks at what is known of the version, and writes nothing. It may ask
for the SHA-256 of files, which is not known before they are written: what depends on that is told by `Plan.rest`. The
same version comes to the same bytes.

The rest is shared by all exporters:

- `exporters/run.py` finds out about the version, and refuses what cannot be written;
- `exporters/apply.py` writes everything into a new folder beside the destination, verified and flushed, which gets its
  name when it is whole.
"""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.exporters import run as run
else:
    __getattr__ = modules_of(__name__)
