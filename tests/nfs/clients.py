"""What two machines do to one repository on NFS, in turns and at once; runs in the guest. Prints JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

WORK = Path(sys.argv[1])
TURNS = 8
AT_ONCE = 10


def line(client: str, *command: str) -> tuple[list[str], dict[str, str]]:
    """That runs the command on this client's machine, in its view of the repository."""
    process = (WORK / f"process-{client}").read_text().strip()
    enter = ["nsenter", "-t", process, "--net", "--uts", "--mount"]
    names = {"MREG_CACHE": f"/run/cache-{client}", "HOME": "/run"}
    return [*enter, *command], {**os.environ, **names}


def mreg(client: str, *arguments: str) -> str:
    command, names = line(client, sys.executable, "-m", "mreg", "--repo", str(WORK / client / "repo"), *arguments)
    done = subprocess.run(command, env=names, capture_output=True, text=True, check=False)
    if done.returncode:
        failed.append([client, *arguments, done.returncode, done.stderr])
    return done.stdout.strip()


def content(name: str) -> str:
    path = Path("/run") / name
    path.write_bytes(os.urandom(5000))
    return str(path)


def busy(client: str) -> None:
    """One of those that work at once: what it logged, and what failed."""
    logged = []
    for number in range(AT_ONCE):
        logged.append(mreg(client, "log", content(client), "--artifact", "n"))
        mreg(client, "alias", "set", "best", f"m:v{number % TURNS}")
        mreg(client, "resolve", "m:best")
    print(json.dumps({"logged": logged, "failed": failed}))


def main() -> None:
    mreg("a", "init")
    turns = [mreg("ab"[step % 2], "log", content("turn"), "--artifact", "m") for step in range(TURNS)]
    moved = []
    for step in range(2 * TURNS):
        mreg("ab"[step % 2], "alias", "set", "best", f"m:v{step % TURNS}")
        moved.append(mreg("ba"[step % 2], "resolve", "m:best"))
    both = [
        subprocess.Popen([sys.executable, __file__, str(WORK), client], stdout=subprocess.PIPE, text=True)
        for client in "ab"
    ]
    found = [json.loads(one.communicate()[0]) for one in both]
    checked = [mreg(client, "fsck", "--full") for client in "ab"]
    lists = [mreg(client, "ls", "n", "--limit", "0", "--json") for client in "ab"]
    told = {
        "turns": turns,
        "moved": moved,
        "logged": [name for one in found for name in one["logged"]],
        "failed": failed + [one for each in found for one in each["failed"]],
        "checked": checked,
        "listed": [len(json.loads(one)["versions"]) for one in lists],
    }
    print(json.dumps(told))


failed: list[list[object]] = []
busy(sys.argv[2]) if len(sys.argv) > 2 else main()
