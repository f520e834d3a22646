"""Versions in from other tools: each importer reads the files of another tool and plans the import.

The contract. An importer is a module with

    SYSTEM: str                          its name, as `mreg import --from` takes it, and as origins say
    def recognises(source) -> bool       does `source` (a path) look like what it reads? Quick, and never raises
    def read(source, options) -> Plan    what is there (`importers/plan.py`)

and an entry in `importers/kinds.py`. `read` only looks: it opens files for reading and nothing else, runs no code of
the source, loads no pickle, and follows no path out of the source (`importers/tree.py`) but into what the user named
with `--data`. It reads no file's content but manifests, within bounds. A part that it cannot understand it leaves out
(`importers/omissions.py`); where there is nothing else, it refuses the source (`importers/faults.py`). All that is left
out it tells in `Plan.notes`.

The rest is shared by all importers:

- `importers/targets.py` finds the artifact for each collection of the plan, and names for what does not fit here; it
  remembers what was imported in a property of the artifact;
- `importers/check.py` refuses what no version can hold, and compares files with the source's own digests;
- `importers/intake.py` stores the files of the versions that are not here yet;
- `importers/apply.py` commits the refs of each collection as one journal entry.

Bytes go in before any name: an import that is killed has changed no name, and the next one finds the files stored.
"""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.importers import run as run
else:
    __getattr__ = modules_of(__name__)
