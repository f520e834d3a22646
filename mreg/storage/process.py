"""Processes, as others can know them: who made a lock or a temporary file, and whether it is gone for certain.

A process number means something only below one kernel and in one namespace of process numbers, and is given out
again. So the boot id, the namespace and the start time go with it. What this machine cannot tell is None, never a
guess.
"""

from __future__ import annotations

import os
import sys
import time

from mreg.values.named_tuple import NamedTuple


class Process(NamedTuple):
    """A process. Fields that the system does not know, or that could not be read, are empty.

    since, nonce: of a lock that it holds, when and which.
    """

    host: str = ""
    machine: str = ""
    boot: str = ""
    pidns: str = ""
    pid: str = ""
    start: str = ""
    since: str = ""
    command: str = ""
    nonce: str = ""

    @classmethod
    def me(cls) -> Process:
        """This process, now."""
        global _this_process
        pid = str(os.getpid())
        if _this_process.pid != pid:  # the first call, or a forked child
            _this_process = cls(
                host=os.uname().nodename,
                machine=_line("/etc/machine-id"),
                boot=_line("/proc/sys/kernel/random/boot_id"),
                pidns=_pid_namespace(),
                pid=pid,
                start=_state_and_start(pid)[1],
                command=" ".join(sys.argv[:3])[:80],
            )
        return _this_process._replace(since=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def encode(self) -> bytes:
        fields = self._asdict().items()
        return "".join(f"{name}={' '.join(text.split())}\n" for name, text in fields).encode(errors="replace")

    @classmethod
    def decode(cls, note: bytes) -> Process:
        """The opposite, of a note that may be cut off, or from another version of this program."""
        pairs = (line.partition("=") for line in note.decode(errors="replace").splitlines())
        return cls(**{name: text for name, _, text in pairs if name in cls._fields})

    def describe(self) -> str:
        if not self.pid:
            return "an unknown process"
        command = f" ({self.command})" if self.command else ""
        return f"process {self.pid} on {self.host}{command} since {self.since}"

    def is_gone(self, me: Process) -> bool | None:
        """Whether this process is no more, as far as `me` can tell; None where it cannot.

        An equal boot id names one running kernel. A different one proves a restart only where the machine
        is the same beyond doubt. Without any (macOS) the host's name has to do.
        """
        if self.boot == me.boot and (self.boot or self.host == me.host):
            return _is_gone(self.pid, self.start) if self.pidns == me.pidns else None
        if self.boot and me.boot and self.machine and (self.machine, self.host) == (me.machine, me.host):
            return True
        return None


_this_process = Process()


def _is_gone(pid: str, start: str) -> bool | None:
    if not pid.isdecimal():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it lives, and is another user's
    state, started = _state_and_start(pid)
    # Z: killed, but its parent has not looked yet. Another start time: the number was given out again.
    return state in ("Z", "X") or bool(start and started and start != started)


def _state_and_start(pid: str) -> tuple[str, str]:
    """State and start time by /proc, empty where there is none."""
    _, _, fields = _line(f"/proc/{pid}/stat").rpartition(") ")  # the name before may hold anything
    parts = fields.split()
    return (parts[0], parts[19]) if len(parts) > 19 else ("", "")


def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _line(path: str) -> str:
    return (read_note(path) or b"").decode(errors="replace").strip()


def read_note(path: str) -> bytes | None:
    """The content of a small file, None where it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(fd, 1 << 16)
    except OSError:
        return None
    finally:
        os.close(fd)
