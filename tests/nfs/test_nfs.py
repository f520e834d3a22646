"""Two machines that share a repository on a real NFS: one kernel in user mode has the server and both clients."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PACKAGES = HERE.parent.parent / ".testdata" / "nfs"
KERNEL = PACKAGES / "usr" / "bin" / "linux.uml"
DISK = 256 << 20
PATIENCE = 1200

pytestmark = pytest.mark.slow


def run(work: Path, version: str, options: str) -> dict[str, Any]:
    """What the two clients say."""
    if not KERNEL.exists():
        pytest.skip("there is no kernel with NFS: run `make nfs`")
    for name in ("export", "a", "b"):
        (work / name).mkdir()
    with (work / "disk").open("wb") as disk:
        disk.truncate(DISK)
    subprocess.run([shutil.which("mkfs.ext4") or "/sbin/mkfs.ext4", "-q", "-F", work / "disk"], check=True)
    (work / "run").write_text(f"PYTHONPATH={HERE.parent.parent} {sys.executable} {HERE / 'clients.py'} {work}\n")
    root = ("root=/dev/root", "rootfstype=hostfs", "hostfs=/", "rw", f"init={HERE / 'guest.sh'}")
    parts = (f"ubd0={work / 'disk'}", "mem=1G", "con=null", "con0=null,fd:1", f"uml_dir={work}", "umid=mreg")
    command = [KERNEL, *root, *parts, "--", work, PACKAGES, version, options]
    kernel = subprocess.run(
        command, env={**os.environ, "HOME": str(work)}, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
    )
    if not (work / "log").exists() and b"fatal_sigsegv" in kernel.stdout:
        pytest.skip("this user-mode kernel does not run on this processor: it has more registers (AMX) than that saves")
    told = work / "said"
    if not told.exists():
        pytest.fail(f"{(work / 'log').read_text()}{kernel.stdout.decode()[-3000:]}")
    found: dict[str, Any] = json.loads(told.read_text())
    return found


@pytest.mark.parametrize(("version", "options"), [("4.2", "hard"), ("4.2", "lookupcache=positive"), ("3", "hard")])
def test_two_machines_keep_what_they_were_told(tmp_path: Path, version: str, options: str) -> None:
    found = run(tmp_path, version, options)

    assert found["failed"] == []
    assert found["turns"] == [f"m:v{number}" for number in range(len(found["turns"]))]
    assert found["moved"] == [f"m:v{step % 8}" for step in range(16)]
    assert sorted(found["logged"]) == sorted(f"n:v{number}" for number in range(len(found["logged"])))
    assert found["listed"] == [len(found["logged"])] * 2
