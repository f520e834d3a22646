"""Files and folders that the command line and integrations make by themselves, outside of any repository.

Until they are complete they have the names that all unfinished files of mreg have (`mreg.storage.temporary`). What a
killed process left is deleted by the next one that writes to the same place.
"""

from __future__ import annotations

import os

from mreg.storage.temporary import drop_abandoned, replace_file, temporary_name


def write_file(path: str, text: str, *, durable: bool = False) -> None:
    """Let the file `path` hold `text`, or what it held before if that fails. Raises OSError."""
    replace_file(path, text.encode(), durable=durable)


def temporary_folder(parent: str, prefix: str) -> str:
    """A new empty folder in `parent`, whose name starts with `prefix`; whoever asked for it deletes it. Those of dead
    processes are deleted here. Raises OSError."""
    drop_abandoned(parent, prefix)
    folder = os.path.join(parent, temporary_name(prefix))
    os.mkdir(folder, 0o700)
    return folder
