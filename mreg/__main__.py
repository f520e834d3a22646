"""The `mreg` command. Imports as little as the request needs: start-up time is a feature."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


def entry() -> NoReturn:
    """Run the command line in `sys.argv` and end the process.

    At once: taking apart what was imported, object by object, would take longer than many a command. All files are
    closed and all threads ended by then.
    """
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # nobody listens any more
        code = code or 1
    os._exit(code)


def main() -> int:
    """Run the command line in `sys.argv`; its exit code (the table in `mreg.cli.messages`)."""
    arguments = sys.argv[1:]
    try:
        _settle_streams()
        if arguments == ["--version"]:
            from mreg import __version__

            print(f"mreg {__version__}", flush=True)
            return 0
        gc.set_threshold(100_000)  # start-up makes no garbage worth looking for, and much to look through
        from mreg.cli.main import run

        return run(arguments)
    except KeyboardInterrupt:  # before anything had begun
        return 130
    except OSError as error:
        from mreg.cli.messages import report

        return report(error, arguments)


def _settle_streams() -> None:
    if sys.stdout is None or sys.stderr is None:
        # Started with one closed (`>&-`): the first file that is opened must not become standard output.
        while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(opened)
        sys.stdout, sys.stderr = sys.stdout or open(1, "w"), sys.stderr or open(2, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that it cannot show must not stop a command
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    entry()
