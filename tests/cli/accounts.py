"""Runs `mreg` as other users of the machine; root only.

One process loads all of mreg, which the others may not be able to read, and forks one for each command, which then
becomes somebody else. Otherwise each command would take half a second to load everything.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

if __name__ == "__main__":
    sys.path.pop(0)  # this folder

_LENGTH = 8


class Command:
    """One that was started."""

    def __init__(self, out: IO[bytes], errors: IO[bytes], ended: IO[bytes]) -> None:
        self._out, self._errors, self._ended = out, errors, ended

    def finish(self) -> tuple[int, str, str]:
        """When it has ended: its exit code (of one that a signal ended, as `subprocess` has it), and what it printed on
        standard output and on standard error."""
        with self._out, self._errors, self._ended:
            code = int(self._ended.read())
            shown = []
            for file in (self._out, self._errors):
                file.seek(0)
                shown.append(os.fsdecode(file.read()))
        return code, shown[0], shown[1]


class Accounts:
    """The process that forks."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def start(
        self, uid: int, groups: str, umask: str, folder: Path, env: Mapping[str, str], *line: str, killed_at: int = 0
    ) -> Command:
        """Run `mreg` with these arguments. killed_at: the number of the changing call at which it dies; 0: none."""
        out, errors = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - closed by `finish`
        ended, end = os.pipe()
        told = json.dumps([uid, groups, umask, str(folder), dict(env), line, killed_at]).encode()
        socket.send_fds(self._socket, [len(told).to_bytes(_LENGTH)], [out.fileno(), errors.fileno(), end])
        self._socket.sendall(told)
        os.close(end)
        return Command(out, errors, os.fdopen(ended, "rb"))


@cache
def accounts() -> Accounts:
    """One for all tests. It ends when they do, as nobody is at the other end of its socket then."""
    return Accounts()


# In that process.


def _main() -> None:
    """Returns in the process of a command, which is somebody else by now, with its arguments in `sys.argv`."""
    import difflib
    import fcntl
    import importlib
    import pkgutil
    import sqlite3
    import tomllib

    import pyfastcdc
    import tomli_w

    import mreg

    del difflib, fcntl, sqlite3, tomllib, pyfastcdc, tomli_w
    for module in pkgutil.walk_packages(mreg.__path__, "mreg."):
        if not module.name.startswith(("mreg.testing", "mreg.integrations")):  # which need frameworks
            importlib.import_module(module.name)
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch
    while True:
        length, files, _, _ = socket.recv_fds(requests, _LENGTH, 3)
        if not length:
            os._exit(0)
        told = b""
        while len(told) < int.from_bytes(length):
            told += requests.recv(int.from_bytes(length) - len(told))
        if os.fork() == 0:
            requests.close()
            _watch(files, json.loads(told))
            return
        for file in files:
            os.close(file)


def _watch(files: list[int], told: list[object]) -> None:
    """Returns in the process of the command. The one that watches it says how it ends."""
    out, errors, end = files
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(end, str(code).encode())
        os._exit(0)
    os.close(end)
    os.dup2(out, 1)
    os.dup2(errors, 2)
    os.close(out)
    os.close(errors)
    _become(*told)  # type: ignore[arg-type]


def _become(
    uid: int, groups: str, umask: str, folder: str, env: dict[str, str], line: list[str], killed_at: int
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    os.setgroups([int(group) for group in groups.split(",") if group])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.umask(int(umask, 8))
    sys.argv[:] = ["mreg", *line]
    if killed_at:
        _die_at(killed_at)


def _die_at(left: int) -> None:
    changing = ("os.mkdir", "os.rename", "os.link", "os.chmod", "os.remove", "os.rmdir", "os.utime")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        creates = event == "open" and "/.mreg/" in str(arguments[0]) and int(str(arguments[2])) & os.O_CREAT
        if event in changing or creates:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    _main()
    from mreg.__main__ import main

    sys.exit(main())
