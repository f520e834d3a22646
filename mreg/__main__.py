"""The `mreg` command. Imports as little as the request needs: start-up time is a feature."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line in `sys.argv`; its exit code (the table in `mreg.cli.messages`)."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from mreg import __version__

        print(f"mreg {__version__}")
        return 0
    try:
        gc.disable()  # start-up makes no garbage worth looking for, and much to look through
        from mreg.cli.main import run

        gc.enable()
        return run(arguments)
    except KeyboardInterrupt:  # before anything had begun
        return 130


if __name__ == "__main__":
    sys.exit(main())
