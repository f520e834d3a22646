"""Reporting what went wrong: the error's message and a hint on standard error, and the exit code."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import suppress
from typing import Any

from mreg import cli, lazy
from mreg.cli import exit_codes, layout
from mreg.cli.errors import BadUsage, NoWorkingFolder, OutputFailed
from mreg.cli.machine import MACHINE, ONLY_READ, only_reads
from mreg.cli.output import colourful, width_of_terminal
from mreg.cli.state import State
from mreg.cli.streams import output_failed
from mreg.cli.text import one_line, path_text, safe
from mreg.values.errors import MregError
from mreg.values.hints import READ_BUNDLE, hint_of
from mreg.values.named_tuple import NamedTuple

_OF_SEVERAL_LINES = ("invalid-filter", "unknown-key")
"""The codes of errors that mark a place in a text on the lines below."""


class _Told(NamedTuple):
    code: str
    message: str
    hint: str
    exit_code: int
    facts: dict[str, Any]


def report(error: BaseException, arguments: list[str], state: State) -> int:
    """Print what went wrong, if anything did; the exit code."""
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        error = error.__context__  # what typer makes of it
    if isinstance(error, BrokenPipeError):  # the reader went away (`mreg ls | head`)
        _give_up_output()
        return exit_codes.UNREAD
    if isinstance(error, OSError) and _output_fails():
        _give_up_output()
        error = OutputFailed(reason=error.strerror or str(error))
    elif isinstance(error, FileNotFoundError) and error.filename is None and _working_folder_is_gone():
        error = NoWorkingFolder()
    if os.environ.get("MREG_DEBUG") == "1" and not isinstance(error, SystemExit):
        lazy.traceback.print_exception(error)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else exit_codes.FAILED
    told = _with_guess(_explain(error, arguments), arguments, state)
    with suppress(OSError):  # then the exit code has to do
        if state.json or "--json" in arguments:
            _print_json(told)
        else:
            _print(told, color=state.color)
    return told.exit_code


NOT_ON_DISK = "check the path; `mreg import` reads files on this machine, which the source's own tool can download"

INCOMPLETE_SOURCE = "nothing was imported: the source is incomplete; fetch it again with its own tool"


def _is_file_with_slash(path: str) -> bool:
    return path.endswith("/") and os.path.isfile(path.rstrip("/"))


def _is_clone_of_file(arguments: list[str], location: str) -> bool:
    return cli.guesses.command_of(arguments) == "clone" and os.path.isfile(location)


def _with_guess(told: _Told, arguments: list[str], state: State) -> _Told:
    """With a hint that the command line decides: the one that was meant, where it can be told."""
    if meant := cli.redirected.unquoted(arguments):
        return told._replace(hint=meant)
    if told.code == "unknown-name" and (remote := state.remote_meant(str(told.facts["name"]), arguments)):
        return told._replace(hint=f"list what the remote has with `mreg ls {remote}/`")
    if told.code in cli.guesses.PLACES and (line := cli.guesses.with_remote(arguments, state.remotes())):
        return told._replace(hint=f"write `{line}`")
    if told.code == "no-repository" and _is_clone_of_file(arguments, told.facts["location"]):
        return told._replace(hint=READ_BUNDLE)
    if told.code == "missing-path" and _is_file_with_slash(told.facts["path"]):
        return told._replace(hint="it is a file: leave out the slash at the end")
    if told.code == "missing-path" and cli.guesses.command_of(arguments) == "import":
        is_source = cli.guesses.is_source(arguments, told.facts["path"])
        return told._replace(hint=NOT_ON_DISK if is_source else INCOMPLETE_SOURCE)
    if told.code == "output-failed" and only_reads(cli.guesses.command_of(arguments), arguments):
        return told._replace(hint=ONLY_READ)
    if told.code == "unknown-command" and told.facts["name"] in cli.other_words.NEEDLESS:
        return told._replace(hint=cli.other_words.NEEDLESS[told.facts["name"]])
    told = _of_remote(told, arguments, state)
    if told.code not in cli.guesses.CODES or (told.code == "unknown-command" and told.facts["near"]):
        return told
    if told.code == "unknown-remote" and told.facts.get("near"):
        return told
    if told.hint == NOT_IN_REMOTES:
        return told
    meant = cli.guesses.line(arguments, told.code, state.kind_of, state.remotes())
    if not meant:
        return told
    hint = f"write `{meant}`"
    if told.code == "unknown-remote" and f"{told.facts['name']}:" not in meant:
        hint += "; names have no owner, and `--repo` chooses the repository"
    return told._replace(hint=hint)


NOT_IN_REMOTES = "this command takes no name in a remote; `--repo` chooses another repository"


def _of_remote(told: _Told, arguments: list[str], state: State) -> _Told:
    """With a hint that is about the remote, where that is what was asked."""
    text = str(told.facts.get("text", "")) if told.code == "invalid-name" else ""
    name = str(told.facts.get("name") or told.facts.get("version") or "").partition(":")[0]
    if not ("/" in text or name) or not (remotes := state.remotes()):
        return told
    if text.partition("/")[0] in remotes:
        return told._replace(hint=NOT_IN_REMOTES)
    remote = cli.guesses.in_remote(arguments, name, remotes)
    if not remote:
        return told
    return told._replace(hint=re.sub(rf"(`mreg [a-z ]+ )(?={re.escape(name)}[:`])", rf"\1{remote}/", told.hint))


def _is_interrupt(error: BaseException | None) -> bool:
    """Is it one, or was it made of one? Python 3.11 raises RuntimeError where an interrupt comes while a class is
    made, and other people's modules may do the like while they are loaded."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _is_of_parser(error: BaseException, name: str) -> bool:
    """Is it of this class of the parser's, which need not have been loaded?"""
    return "typer" in sys.modules and isinstance(error, getattr(sys.modules["typer"], name))


def _output_fails() -> bool:
    """Is it standard output that cannot be written?"""
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


def _explain(error: BaseException, arguments: list[str]) -> _Told:
    if isinstance(error, MregError):
        return _Told(error.code, str(error), hint_of(error, path_text), exit_codes.of(type(error)), error.facts)
    if _is_interrupt(error) or _is_of_parser(error, "Abort"):
        hint = "no change and no file was left half-done; run it again"
        return _Told("interrupted", "interrupted", hint, exit_codes.INTERRUPTED, {})
    if isinstance(error, BadUsage) or _is_of_parser(error, "TyperException"):
        message, hint = cli.usage.explain(error, arguments)
        return _Told("usage", message, hint, exit_codes.USAGE, {})
    if isinstance(error, OSError):
        return _explain_machine(error)
    message = f"an unexpected error: {type(error).__name__}: {error}"
    hint = "this is a bug in mreg; run the command with MREG_DEBUG=1 for the details"
    return _Told("unexpected", message, hint, exit_codes.FAILED, {})


def _explain_machine(error: OSError) -> _Told:
    words, hint = MACHINE.get(error.errno or 0, (error.strerror or str(error), ""))
    words = words or error.strerror or str(error)
    where = f" ({path_text(os.fsdecode(error.filename))})" if isinstance(error.filename, str | bytes) else ""
    facts = {"errno": errno.errorcode.get(error.errno or 0, "")}
    return _Told("io-error", f"{words}{where}", hint, exit_codes.FAILED, facts)


def _print_json(told: _Told) -> None:
    body = {"code": told.code, "message": told.message, "hint": None, **told.facts} | {"hint": told.hint or None}
    print(lazy.json.dumps({"error": body}, ensure_ascii=True, default=str), file=sys.stderr)


def _print(told: _Told, *, color: bool) -> None:
    paint = layout.paint if colourful(sys.stderr, color) else layout.plainly
    encoding = sys.stderr.encoding or "utf-8"
    shown = safe if told.code in _OF_SEVERAL_LINES else one_line
    text = shown(told.message).encode(encoding, "backslashreplace").decode(encoding)
    hint = one_line(told.hint)
    if sys.stderr.isatty():
        width = width_of_terminal(2)
        several = told.code in _OF_SEVERAL_LINES
        text = layout.excerpt(text, width) if several else layout.unbroken(text, width, len("error: "))
        hint = layout.unbroken(hint, width, len("hint: "))
    print(f"{paint('error:', 'refused')} {text}", file=sys.stderr)
    if hint:
        print(f"{paint('hint:', 'hint')} {hint}", file=sys.stderr)
