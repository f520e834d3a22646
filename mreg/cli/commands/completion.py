"""`mreg completion`."""

import os
import shlex
from pathlib import Path
from typing import Annotated

from mreg import cli
from mreg.cli.declared import Argument, Option
from mreg.cli.state import State
from mreg.small_files import NotAFile, make_folders, read_start

SHELLS = ("bash", "zsh", "fish")
MARK = "Made by `mreg completion "
"""What each script says: a file that does not is somebody else's."""
_HEAD = 4096


def completion(
    state: State,
    shell: Annotated[str, Argument(metavar="bash|zsh|fish", help="The shell.")],
    install: Annotated[
        bool, Option("--install", help="Write the script where the shell looks for it; print the path.")
    ] = False,
) -> None:
    """Print the script for shell completion.

    With --install, write it to a file of its own; the shell's startup files are never edited. To try it,
    run `source <(mreg completion bash)` (or zsh), or `mreg completion fish | source`.
    """
    if shell not in SHELLS:
        raise cli.errors.UnknownShell(name=shell)
    script = Path(cli.completion.__path__[0], f"mreg.{shell}").read_text(encoding="utf-8")
    if not install:
        state.emit({"shell": shell, "script": script}, lambda _: print(script, end=""))
        return
    path = _place(shell)
    _write(path, script)
    state.note(_next_step(shell, path))
    state.emit({"shell": shell, "path": str(path)}, lambda out: out.path(str(path)))


def _place(shell: str) -> Path:
    """Where the shell looks for the completions of a person."""
    if shell == "fish":
        return _folder("XDG_CONFIG_HOME", ".config") / "fish" / "completions" / "mreg.fish"
    data = _folder("XDG_DATA_HOME", ".local/share")
    if shell == "zsh":
        return data / "zsh" / "site-functions" / "_mreg"
    given = os.environ.get("BASH_COMPLETION_USER_DIR", "")
    own = Path(given) if os.path.isabs(given) else data / "bash-completion"
    return own / "completions" / "mreg"


def _folder(variable: str, in_home: str) -> Path:
    given = os.environ.get(variable, "")
    if os.path.isabs(given):
        return Path(given)
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise cli.errors.NoPlace(variable=variable)
    return Path(home, in_home)


def _write(path: Path, script: str) -> None:
    """At once, so that a shell never reads half of it."""
    if not _is_ours(path):
        raise cli.errors.ForeignScript(path=str(path))
    make_folders(str(path.parent))
    from mreg.repository.destinations import write_file  # noqa: PLC0415 - printing the script needs no repository

    write_file(str(path), script, durable=True)  # an empty one, after a loss of power, would not look like mreg's


def _is_ours(path: Path) -> bool:
    """Whether nothing is there, or a script that this command wrote."""
    try:
        return MARK.encode() in read_start(str(path), _HEAD)
    except FileNotFoundError:
        return True
    except NotAFile:
        return False


def _next_step(shell: str, path: Path) -> str:
    if shell == "zsh":
        return f"add this to ~/.zshrc, before compinit: fpath=({shlex.quote(str(path.parent))} $fpath)"
    if shell == "bash":
        without = f"source {shlex.quote(str(path))}"
        return f"active in new shells if bash-completion is installed; otherwise add this to ~/.bashrc: {without}"
    return "active in new shells"
