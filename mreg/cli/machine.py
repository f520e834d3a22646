"""The words for the system's own errors, and for output that cannot be written."""

from __future__ import annotations

import errno
from collections.abc import Sequence

ONLY_READ = "nothing was changed; repeat the command with a writable standard output"
_READING = {
    *("", "ls", "show", "search", "history", "diff", "lineage", "metrics", "files", "cat", "resolve", "du"),
    *("help", "version", "completion", "cache ls", "config get", "config ls", "alias ls", "tag ls"),
    *("artifact ls", "artifact show", "model ls", "model show", "remote ls"),
}
_CHANGING_WITH = {"card": {"--file", "--edit"}, "fsck": {"--repair"}}
"""Commands that only read without these options."""

_ASK_OWNER = (
    "ask the folder's owner for access, or set MREG_CACHE if it is the cache; the owner of a repository "
    "shares it with the folder's group by `mreg config set core.shared group`"
)
_CHECK_PATH = "check the path: its folder must exist, and no file may be in the place of a folder"
MACHINE: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space, then repeat the command; nothing was changed"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then repeat the command; nothing was changed"),
    errno.EROFS: (
        "the file system is read-only",
        "reading works; to change something, mount it writable, or set MREG_CACHE if it is the cache",
    ),
    errno.EACCES: ("permission denied", _ASK_OWNER),
    errno.EPERM: ("the operation is not permitted", _ASK_OWNER),
    errno.ENOSYS: (
        "",
        "the file system does not support what mreg requires; put the repository on another one, such as ext4 or XFS",
    ),
    errno.ENOENT: ("", _CHECK_PATH),
    errno.ENOTDIR: ("", _CHECK_PATH),
    errno.EEXIST: ("", _CHECK_PATH),
    errno.EIO: ("the disk reported an input/output error", "check the disk, then run `mreg fsck`"),
}


def only_reads(words: str, arguments: Sequence[str]) -> bool:
    """Whether a command of these words and arguments leaves all as it is."""
    if words in _CHANGING_WITH:
        return not any(word.partition("=")[0] in _CHANGING_WITH[words] for word in arguments)
    if words == "bundle create" and "-" in arguments:  # what it prints is all that it makes
        return True
    return words in _READING or "--dry-run" in arguments
