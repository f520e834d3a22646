"""Kill a command at every system call with which it changes a file, and look at what it leaves behind.

A `Bench` is a folder of its own: a prepared repository with its cache, which is put back before every run, and
a server that forks a process for each command. The server has loaded the code already, so a run costs
milliseconds, and begins where the command begins: each run is `mreg.__main__.main()` in a new process,
stopped until strace has taken hold of it.

    points    one run under strace, unhurt: every call that changes the repository, the cache or the destination
    kill      one run in which that call never happens, because the process is dead
    fail      one run in which that call returns an error
    stop      one run that is stopped at that call, for something else to happen, and then killed

The count of a call is that of its name (strace's `when=N` counts each name for itself).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CHANGING = (
    "openat,creat,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,fallocate,ftruncate,truncate,"
    "fsync,fdatasync,syncfs,sync_file_range,link,linkat,symlink,symlinkat,rename,renameat,renameat2,"
    "unlink,unlinkat,mkdir,mkdirat,rmdir,chmod,fchmod,fchmodat,utimensat"
)
PATIENCE = 300.0
_CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
_STOPPED = re.compile(r"--- SIGSTOP|\+\+\+ ")
_CREATES = re.compile(r"O_CREAT|O_TRUNC")


class Point(NamedTuple):
    """The `number`-th call of this name; text: as strace shows it."""

    call: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.call} #{self.number}: {self.text[:150]}"


class Done(NamedTuple):
    """How a command ended (minus the signal, where one killed it), and what it said."""

    code: int
    out: str
    errors: str


def why_not() -> str | None:
    """Why nothing can be swept here, or None."""
    if shutil.which("strace") is None:
        return "there is no strace"
    probe = ["strace", "-f", "-o", os.devnull, "-e", "trace=getppid", "-e", "inject=getppid:signal=KILL"]
    script = "import os; os.getppid()"
    try:
        done = subprocess.run(
            [*probe, sys.executable, "-I", "-c", script], capture_output=True, timeout=PATIENCE, check=False
        )
    except OSError as error:
        return f"strace cannot be run: {error}"
    if done.returncode not in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return f"strace may not trace here: {done.stderr.decode(errors='replace').strip()[-200:]}"
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Server(folder, dict(os.environ))) as server:
        try:
            server.run(["--version"], folder, strace=["-e", "trace=write"])
        except RuntimeError as error:
            return f"strace may not attach here: {error}"
    return None


class Server:
    """Starts commands, one at a time, by forking from a process that has loaded the code."""

    def __init__(self, folder: str, environment: dict[str, str]) -> None:
        self._folder = folder
        self.trace = os.path.join(folder, "trace.txt")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=pipe, stdout=pipe, env=environment, cwd=folder, text=True
        )

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def run(
        self,
        command: Sequence[str],
        folder: str,
        strace: Sequence[str] | None = None,
        stopped: Callable[[], None] | None = None,
    ) -> Done:
        """Run `mreg COMMAND` in the folder; under strace with these options, where they are given.

        stopped: called when the process has got the signal SIGSTOP (or ended without); then it is killed.
        Raises RuntimeError where strace cannot take hold of the process.
        """
        out, errors = os.path.join(self._folder, "out"), os.path.join(self._folder, "errors")
        request = {"command": list(command), "folder": folder, "out": out, "errors": errors, "stop": strace is not None}
        pid = self._ask(request)["pid"]
        if strace is None:
            return Done(self._next()["code"], _read(out), _read(errors))
        self._next()  # it has stopped
        with self._tracer(pid, strace) as tracer:
            assert tracer.stderr is not None
            said = tracer.stderr.readline()
            os.kill(pid, signal.SIGCONT)
            if stopped:
                self._await_stop()
                stopped()
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            code = self._next()["code"]
            tracer.wait(PATIENCE)
        if "attached" not in said:
            raise RuntimeError(said.strip())
        return Done(code, _read(out), _read(errors))

    def _await_stop(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not _STOPPED.search(_read(self.trace)):
            assert time.monotonic() < deadline, "the process neither stopped nor ended"
            time.sleep(0.001)

    def _tracer(self, pid: int, options: Sequence[str]) -> subprocess.Popen[str]:
        command = ["strace", "-f", "-y", "-s", "0", "-e", "signal=none", "-o", self.trace, *options, "-p", str(pid)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._next()

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


class Bench:
    """A folder to hurt a repository in.

    place/.mreg: the repository, `place` being where commands run; place/cache: its cache; source/: what is
    logged. `place` is put back to what it was at `keep` by `restore`, at the same path: a repository at
    another one has other lookup tables.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder = folder
        self.place = folder / "place"
        self.repository = self.place / ".mreg"
        self.cache = cache or self.place / "cache"
        self.source = folder / "source"
        self._kept = folder / "kept"
        for path in (self.place, self.source, folder / "server"):
            path.mkdir(parents=True)
        self._server = Server(str(folder / "server"), environment(folder, self.cache))

    def close(self) -> None:
        self._server.close()

    def run(self, *command: str) -> Done:
        """The command, unhurt and untraced."""
        return self._server.run(command, str(self.place))

    def must(self, *command: str) -> str:
        """The same, for what cannot go wrong; what it printed."""
        done = self.run(*command)
        assert done.code == 0, f"mreg {' '.join(command)}: {done}"
        return done.out

    def keep(self) -> None:
        """Remember the place as it is now."""
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.place, self._kept, symlinks=True)

    def restore(self) -> None:
        _remove_tree(self.place)
        shutil.copytree(self._kept, self.place, symlinks=True)

    def points(self, command: Sequence[str]) -> tuple[list[Point], Done]:
        """Every call of the command that changes a file in the place."""
        done = self._server.run(command, str(self.place), ["-e", f"trace={CHANGING}"])
        counts: dict[str, int] = {}
        found = []
        for line in _read(self._server.trace).splitlines():
            match = _CALL.match(line)
            if not match:
                continue
            call, rest = match.groups()
            counts[call] = counts.get(call, 0) + 1
            if self._changes(call, rest):
                found.append(Point(call, counts[call], rest.replace(str(self.place), "")))
        return found, done

    def _changes(self, call: str, rest: str) -> bool:
        return str(self.place) in rest and (call != "openat" or bool(_CREATES.search(rest)))

    def missed(self) -> bool:
        """Whether the last `fail` hit a call that changes nothing: the folder for a new object, whose name is another
        each time, may be there already, and then the calls after it have other numbers."""
        lines = [line for line in _read(self._server.trace).splitlines() if "(INJECTED)" in line]
        matches = [match for line in lines if (match := _CALL.match(line))]
        return bool(matches) and not any(self._changes(*match.groups()) for match in matches)

    def kill(self, command: Sequence[str], point: Point) -> Done:
        """Run the command until it is about to make the call."""
        return self._inject(command, point, "signal=KILL", "")

    def fail(self, command: Sequence[str], point: Point, error: str, *, lasting: bool = False) -> Done:
        """Run the command, and let the call (lasting: and all of its name that follow) fail."""
        return self._inject(command, point, f"error={error}", "+" if lasting else "")

    def stop(self, command: Sequence[str], point: Point, then: Callable[[], None]) -> Done:
        """Run the command until it has made the call, do `then`, and kill it."""
        options = ["-e", f"trace={point.call}", "-e", f"inject={point.call}:signal=STOP:when={point.number}"]
        return self._server.run(command, str(self.place), [*options, "-e", "signal=STOP"], then)

    def _inject(self, command: Sequence[str], point: Point, what: str, more: str) -> Done:
        options = ["-e", f"trace={point.call}", "-e", f"inject={point.call}:{what}:when={point.number}{more}"]
        return self._server.run(command, str(self.place), options)


def environment(folder: Path, cache: Path) -> dict[str, str]:
    """What a command is to see: this cache, and nothing of the person's."""
    (folder / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MREG_")}
    return kept | {
        "MREG_CACHE": str(cache),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Team:
    """Several benches, prepared alike, that share out the work."""

    def __init__(self, benches: Sequence[Bench]) -> None:
        self.benches = benches

    def each(self, task: Any) -> list[Any]:
        """`task(bench, number)` on every bench at once; what they gave. Raises what the first that failed raised."""
        results: list[Any] = [None] * len(self.benches)
        failures: list[BaseException] = []

        def run(number: int, bench: Bench) -> None:
            try:
                results[number] = task(bench, number)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=pair) for pair in enumerate(self.benches)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return results


@contextlib.contextmanager
def team(folder: Path, size: int) -> Iterator[Team]:
    benches = [Bench(folder / f"bench-{number}") for number in range(size)]
    try:
        yield Team(benches)
    finally:
        for bench in benches:
            bench.close()


def _remove_tree(path: Path) -> None:
    """Folders of ready copies are not writable; root does not mind, others do."""
    for here, folders, _ in os.walk(path):
        for name in folders:
            if not os.path.islink(os.path.join(here, name)):
                os.chmod(os.path.join(here, name), 0o755)
    shutil.rmtree(path)


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


# The server's side.


def serve() -> None:
    """Answer requests until there are no more."""
    _load_all()
    answers = os.fdopen(os.dup(1), "w")
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(request)
        _say(answers, pid=pid)
        if request["stop"]:
            os.waitpid(pid, os.WUNTRACED)
            _say(answers, stopped=True)
        _, status = os.waitpid(pid, 0)
        _say(answers, code=os.waitstatus_to_exitcode(status))


def _say(answers: Any, **answer: Any) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _load_all() -> None:
    import importlib
    import pkgutil

    import mreg

    for module in pkgutil.walk_packages(mreg.__path__, "mreg."):
        if not module.name.startswith(("mreg.testing", "mreg.integrations")):  # which need frameworks
            importlib.import_module(module.name)
    import difflib
    import tomllib

    import tomli_w

    assert difflib and tomllib and tomli_w


def _become(request: dict[str, Any]) -> None:
    """The new process: the command and nothing else."""
    from mreg.__main__ import main

    os.chdir(request["folder"])
    for number, name in ((0, os.devnull), (1, request["out"]), (2, request["errors"])):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | (os.O_TRUNC if number else 0), 0o644)
        os.dup2(opened, number)
        os.close(opened)
    # New objects, as a started interpreter has: what their buffers held belongs to the server.
    # Not closed with what it puts in their place.
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    sys.argv = ["mreg", *request["command"]]
    if request["stop"]:
        _let_anybody_trace()
        os.kill(os.getpid(), signal.SIGSTOP)
    code = 1
    try:
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _let_anybody_trace() -> None:
    """Where Yama allows only parents to trace, a process may still name who else may."""
    import ctypes

    pr_set_ptracer, any_process = 0x59616D61, ctypes.c_ulong(-1)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(pr_set_ptracer, any_process, 0, 0, 0)


if __name__ == "__main__":
    serve()
