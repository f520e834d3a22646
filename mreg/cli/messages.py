"""What a person reads when something went wrong: the exit codes, the hints, and the words of the machine's
own errors. The sentences of mreg's errors stand with their classes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import typer

from mreg.cli.state import current
from mreg.values.errors import Conflict, Damaged, Incomplete, InvalidInput, MregError, NotFound, Refused

EXIT_CODES: list[tuple[type[MregError], int, str]] = [
    (InvalidInput, 2, "wrong usage"),
    (NotFound, 3, "not found"),
    (Conflict, 4, "conflict: somebody was faster, or `--expect` did not hold; safe to repeat"),
    (Damaged, 5, "damaged data found"),
    (Refused, 6, "refused by a rule"),
]
FAILED = 1
USAGE = 2
INTERRUPTED = 130

HINTS: dict[str, str] = {
    "no-repository": "make one with `mreg init`, or choose one with `-C DIR`, `--repo` or MREG_REPO",
    "unknown-name": "list what there is with `mreg ls`",
    "unknown-artifact": "list artifacts with `mreg artifact ls`",
    "unknown-model": "list registered models with `mreg model ls`",
    "unknown-version": "list the versions with `mreg ls {name}`",
    "deleted-version": "list the versions with `mreg ls {name}`; `mreg history {name}` tells which entry to undo",
    "unknown-alias": "list its aliases with `mreg alias ls {name}`",
    "unknown-remote": "a slash separates a remote from a name; name the repository with `--repo` instead",
    "unknown-file": "list the files with `mreg files {version}`",
    "nothing-included": "list the files with `mreg files {version}`",
    "unknown-tag": "list tags with `mreg tag ls`",
    "unknown-setting": "list the settings with `mreg config ls`, your own with `mreg config ls --user`",
    "unknown-command": "list the commands with `{where} --help`",
    "empty": "log one with `mreg log PATH --artifact NAME`, or link one with `mreg link REFERENCE {name}`",
    "ambiguous-digest": "give more digits, or a version number",
    "alias-moved": "look at it with `mreg show {name}:{alias}`, then repeat the command",
    "ref-moved": "undo entry {by} first, or move it by hand; `mreg history --since {seq}` shows what came since",
    "cannot-undo": "take back first what stands in the way; `mreg history --since {seq}` shows what came since",
    "given-up": "log its files again, from where you have them",
    "name-taken": "choose another name; `mreg ls` lists those in use",
    "held": "move or remove what holds it, or repeat the command with --force",
    "not-empty": "remove them first, or repeat the command with --force",
    "missing-path": "check the path",
    "nothing-to-log": "put files there; --include, --exclude or .mregignore may also have left all out",
    "unsupported-file": "remove it, or leave it out with `--exclude`",
    "unreadable-file": "check its permissions, or leave it out with `--exclude`",
    "source-changed": "wait until the program that writes it is done, then repeat the command",
    "unsafe-destination": "choose another folder with `-o DIR`",
    "untrusted": "if you trust {owner}, say `mreg config set --user safe.directory {location!r}`, or set MREG_SAFE",
    "link-in-repository": "put what it leads to in its place, or take it away",
    "not-all-shared": "let their owners, or root, run `mreg config set core.shared group` too",
    "damaged-user-config": "correct the file, or delete it",
    "unknown-user-setting": "`mreg config ls --user` lists the user's settings, `mreg config ls` the repository's",
    "newer-format": "install a newer release of mreg",
    "locked": "repeat the command; if the holder is dead, the lock gives way by itself",
    "repository-moved": "repeat the command when fewer writers are busy",
    "missing-pack": "repeat the command",
    "uncertain": "look with `mreg history`; check the disk, then run `mreg fsck`",
    "unfinished": "repeat the command; the next gc deletes what is left",
    "invalid-name": "a name is 1 to 128 letters, digits, `.`, `_` and `-`",
    "invalid-tag": "a tag is 1 to 128 letters, digits, `_`, `-` and single spaces",
    "alias-taken": "use the alias that is there, or another word",
    "invalid-setting": "`mreg config ls` shows values and what they mean",
    "unknown-column": "`mreg show NAME:vN` lists a version's metadata",
    "no-working-folder": "go to another folder (`cd`), or act in one with `-C DIR`",
    "not-a-folder": "choose another folder, or move the file out of the way",
    "unusable-cache": "set MREG_CACHE to a folder that you can write to",
    "no-folder": "check the path given to -C",
    "invalid-expectation": "`mreg alias ls` shows where aliases are",
    "one-source": "give one of them",
    "invalid-card": "a card is Markdown text in UTF-8",
    "invalid-reference": "write NAME, NAME:vN, NAME:ALIAS or NAME:@DIGEST",
    "invalid-pattern": "a pattern is written as in .gitignore",
    "invalid-metadata": "metadata is KEY=VALUE pairs, or an object in a JSON or TOML file",
    "unknown-sequence": "`mreg history` lists the entries",
    "output-failed": "what the command changes was changed before it printed; look with `mreg history`",
    "repair-only": "add --repair",
    "damaged-config": "`mreg fsck --repair` makes it again from the journal",
    "damaged-setting": "correct it with `mreg config set {name} VALUE`; `mreg config ls` shows what it means",
    "unstorable": "take out some of it, or log it as a file",
    "too-many-chunks": "log the files in several parts",
    "damaged-file": "`mreg fsck --full` shows all that is damaged; `mreg get {version} --partial` writes what is whole",
    "no-collection": "try `mreg du {collection}`",
    "no-space": "free some space, or choose another place (`-o DIR`; for `use` MREG_CACHE); nothing was written",
    "no-cache": "open the repository with a cache folder",
}
DAMAGE_HINT = "run `mreg fsck` to see all that is damaged and which versions it hurts"

_ASK_OWNER = (
    "ask the folder's owner for access, or set MREG_CACHE if it is the cache; `mreg config set core.shared group`, "
    "run by the owner of a repository, shares it with the folder's group"
)
_CHECK_PATH = "check the path, and that no file stands where a folder should be"
_MACHINE: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space, then repeat the command; nothing was changed"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then repeat the command; nothing was changed"),
    errno.EROFS: ("the file system is read-only", "reading works; to change something, mount it writable"),
    errno.EACCES: ("permission denied", _ASK_OWNER),
    errno.EPERM: ("the system does not permit it", _ASK_OWNER),
    errno.ENOSYS: ("", "the file system lacks what mreg needs; put the repository on another, such as ext4 or xfs"),
    errno.ENOENT: ("", _CHECK_PATH),
    errno.ENOTDIR: ("", _CHECK_PATH),
    errno.EEXIST: ("", _CHECK_PATH),
    errno.EIO: ("the disk reported an input/output error", "check the disk, then run `mreg fsck`"),
}


class UnknownCommand(InvalidInput):
    code = "unknown-command"
    template = "there is no command {name!r}"

    name: str
    near: Sequence[str]
    where: str


class NoFolder(NotFound):
    code = "no-folder"
    template = "cannot enter {path!r}: {reason}"

    path: str
    reason: str


class NoWorkingFolder(NotFound):
    code = "no-working-folder"
    template = "the working folder does not exist any more"


class OutputFailed(Incomplete):
    """What the command does was done before it printed."""

    code = "output-failed"
    template = "standard output cannot be written: {reason}"

    reason: str


def report(error: BaseException, arguments: list[str]) -> int:
    """Print what went wrong, if anything did; the exit code."""
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        error = error.__context__  # what typer makes of it
    if isinstance(error, BrokenPipeError):  # the reader went away (`mreg ls | head`)
        _give_up_output()
        return 141
    if isinstance(error, OSError) and _output_fails():
        _give_up_output()
        error = OutputFailed(reason=error.strerror or str(error))
    elif isinstance(error, FileNotFoundError) and error.filename is None and _working_folder_is_gone():
        error = NoWorkingFolder()
    if os.environ.get("MREG_DEBUG") == "1" and not isinstance(error, SystemExit):
        import traceback

        traceback.print_exception(error)
    if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed
        return USAGE
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    code, message, hint, exit_code, facts = _explain(error)
    if message:  # else a group was named and no command of it: the help has been printed instead
        with suppress(OSError):  # then the exit code has to do
            _print(code, message, hint, facts, as_json=current.json or "--json" in arguments)
    return exit_code


def _output_fails() -> bool:
    """Is it standard output that cannot be written?"""
    from mreg.cli.streams import output_failed

    if output_failed():
        return True
    try:  # its buffer may hold more
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _working_folder_is_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _give_up_output() -> None:
    """Keep the interpreter from complaining, at its end, about what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _explain(error: BaseException) -> tuple[str, str, str, int, dict[str, Any]]:
    if isinstance(error, MregError):
        return error.code, str(error), _hint(error), exit_code_of(error), error.facts
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "interrupted", "interrupted", "no change and no file is half done; run it again", INTERRUPTED, {}
    if isinstance(error, typer.TyperException):
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "mreg"
        return "usage", message, f"see `{where} --help`", USAGE, {}
    if isinstance(error, OSError):
        return _explain_machine(error)
    message = f"an unexpected error: {type(error).__name__}: {error}"
    hint = "this is a bug in mreg; run the command with MREG_DEBUG=1 for the details"
    return "unexpected", message, hint, FAILED, {}


def _explain_machine(error: OSError) -> tuple[str, str, str, int, dict[str, Any]]:
    words, hint = _MACHINE.get(error.errno or 0, (error.strerror or str(error), ""))
    words = words or error.strerror or str(error)
    where = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
    return "io-error", f"{words}{where}", hint, FAILED, {"errno": errno.errorcode.get(error.errno or 0, "")}


def exit_code_of(error: MregError) -> int:
    return next((code for kind, code, _ in EXIT_CODES if isinstance(error, kind)), FAILED)


def _hint(error: MregError) -> str:
    near = error.facts.get("near")
    if near:
        return "did you mean " + " or ".join(f"`{name}`" for name in near) + "?"
    template = HINTS.get(error.code, DAMAGE_HINT if isinstance(error, Damaged) else "")
    return template.format(**error.facts)


def _print(code: str, message: str, hint: str, facts: dict[str, Any], *, as_json: bool) -> None:
    from mreg.cli.text import safe

    if as_json:
        import json

        body = {"code": code, "message": message, "hint": hint or None, **facts}
        print(json.dumps({"error": body}, ensure_ascii=True, default=str), file=sys.stderr)
        return
    color = current.color and sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    error_word, hint_word = ("\x1b[31merror:\x1b[0m", "\x1b[36mhint:\x1b[0m") if color else ("error:", "hint:")
    text = (
        safe(message).encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode(sys.stderr.encoding or "utf-8")
    )
    print(f"{error_word} {text}", file=sys.stderr)
    if hint:
        print(f"{hint_word} {safe(hint)}", file=sys.stderr)
