"""The `mreg` command. Imports as little as the request needs: start-up time is a feature."""

from __future__ import annotations

import gc
import os
import sys

INTERRUPTED = 130  # as in `mreg.cli.exit_codes`, without loading anything


def _leave(*_: object) -> None:
    os._exit(INTERRUPTED)


try:  # Ctrl-C while modules are loaded: nothing has begun, and an exception would show a traceback
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
except KeyboardInterrupt:
    _leave()

TYPE_CHECKING = False  # as `typing` has it, without loading that for `mreg --version`

if TYPE_CHECKING:
    from typing import NoReturn


def entry() -> NoReturn:
    """Run the command line in `sys.argv` and end the process.

    At once: taking apart what was imported, object by object, would take longer than many a command. All files are
    closed and all threads ended by then.
    """
    code = INTERRUPTED
    try:
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # nobody listens any more
        code = code or 1
    except KeyboardInterrupt:  # it has done its work, or said that it was interrupted
        pass
    os._exit(code)


def main() -> int:
    """Run the command line in `sys.argv`; its exit code (the table in `mreg.cli.exit_codes`)."""
    arguments = sys.argv[1:]
    try:
        from mreg.cli.streams import settle

        settle()
        if arguments == ["--version"]:
            from mreg import __version__

            print(f"mreg {__version__}", flush=True)
            return 0
        gc.set_threshold(100_000)  # start-up makes no garbage worth looking for, and much to look through
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else numpy brings threads that wait busily for work
        from mreg.cli.main import run

        if signal.getsignal(signal.SIGINT) is _leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run(arguments)
    except KeyboardInterrupt:  # before anything had begun
        return INTERRUPTED
    except OSError as error:
        from mreg.cli.report import report
        from mreg.cli.state import State

        return report(error, arguments, State())


if __name__ == "__main__":
    entry()
