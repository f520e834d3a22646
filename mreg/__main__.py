"""The `mreg` command. Imports as little as the request needs: start-up time is a feature."""

from __future__ import annotations

import gc
import os
import sys

if sys.argv[1:2] == ["__complete"]:  # by a shell at the tab key, for which loading anything else takes too long
    from mreg.cli.completion import answer

    answer.main(sys.argv[2:])
    os._exit(0)

INTERRUPTED = 130  # as in `mreg.cli.exit_codes`, without loading anything

_received = 2
"""The signal that interrupted the command: SIGINT, unless another came first."""


def _leave(number: int, _: object) -> None:
    os._exit(128 + number)


_raised = 0
"""How many KeyboardInterrupts are on their way."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Clean up as for Ctrl-C. Whoever ends a process may send several signals, so that those that follow must not
    break off the cleaning up; a second Ctrl-C may.

    Not within the import system itself, which may hold the lock of all imports: threads that import anything would
    wait for ever, and the cleaning up for them."""
    global _received, _raised
    _received = number
    for other in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, _disregard)
    sys.unraisablehook = _raise_again
    if frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        _interrupt_soon()
    else:
        _raised += 1
        raise KeyboardInterrupt


def _disregard(number: int, frame: FrameType | None) -> None:
    """In place of SIG_IGN: if a signal is pending when that is set, Python prints a traceback."""


def _interrupt_soon() -> None:
    signal.signal(signal.SIGALRM, lambda _, frame: _interrupt(_received, frame))
    signal.setitimer(signal.ITIMER_REAL, 0.001)


def _raise_again(dropped: UnraisableHookArgs) -> None:
    """Python drops what is raised in a destructor, a callback of a weak reference, or a generator at its end."""
    global _raised
    if dropped.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(dropped)
        return
    _raised -= 1
    if not _raised:  # else it only broke off what another has made begin
        _interrupt_soon()


def _handle(before: Callable[..., None], now: Callable[..., None]) -> None:
    """Have signals handled by `now` that were handled by `before`. One that is ignored stays so (nohup)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in (before, signal.SIG_DFL):
            signal.signal(number, now)


try:  # while modules are loaded: nothing has begun, and an exception would show a traceback
    import signal

    _handle(signal.default_int_handler, _leave)
except KeyboardInterrupt:
    os._exit(128 + _received)

TYPE_CHECKING = False  # as `typing` has it, without loading that for `mreg --version`

if TYPE_CHECKING:
    from collections.abc import Callable
    from sys import UnraisableHookArgs
    from types import FrameType
    from typing import NoReturn


def entry() -> NoReturn:
    """Run the command line in `sys.argv` and end the process.

    At once: taking apart what was imported, object by object, would take longer than many a command. All files are
    closed and all threads ended by then.
    """
    code = None
    try:
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # nobody listens any more
        code = code or 1
    except KeyboardInterrupt:  # it has done its work, or said that it was interrupted
        pass
    os._exit(128 + _received if code is None else code)


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

        _handle(_leave, _interrupt)
        code = run(arguments)
        return 128 + _received if code == INTERRUPTED else code
    except KeyboardInterrupt:  # before anything had begun
        return 128 + _received
    except OSError as error:
        from mreg.cli.report import report
        from mreg.cli.state import State

        return report(error, arguments, State())


if __name__ == "__main__":
    entry()
