"""File systems that have no hard links, for real: exFAT in a file that is mounted (root, and exfatprogs with
exfat-fuse, or a kernel that knows exFAT or FAT); and `link` refused by the kernel for one process (strace)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mounts
import pytest

KINDS = {
    "exfat": ("mkfs.exfat", ["mount", "-t", "exfat"]),
    "exfat by fuse": ("mkfs.exfat", ["mount.exfat-fuse"]),
    "vfat": ("mkfs.vfat", ["mount", "-t", "vfat"]),
}


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root on Linux can mount a file system")
    make, mount = KINDS[request.param]
    for program in (make, mount[0], "losetup"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")
    with tempfile.TemporaryDirectory() as folder:
        image, place = Path(folder, "image"), Path(folder, "disk")
        place.mkdir()
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run([make, image], check=True, capture_output=True)
        try:
            with mounts.attached(image) as device:
                done = subprocess.run([*mount, device, place], capture_output=True, text=True, check=False)
        except mounts.NoLoopDevice as error:
            pytest.skip(f"there is no loop device: {error}")
        if done.returncode:
            pytest.skip(f"cannot mount {request.param} here: {done.stderr.strip()}")
        try:
            yield place
        finally:
            mounts.unmount(place)


def run(where: Path, *command: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "mreg", *command], cwd=where, capture_output=True, text=True, check=False
    )


def works(where: Path, *before: str) -> None:
    """All that a repository must be able to do."""
    (where / "model").mkdir()

    def must(*command: str) -> str:
        done = run(where, *command, before=before)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    must("init")
    must("config", "set", "lock.timeout", "300s")  # six that race may have to wait for long where each is slow
    for number in range(3):
        (where / "model" / "w.bin").write_bytes(b"%d" % number * 1000)
        assert must("log", "model", "-a", "a", "--alias", "best", "--link", "M") == f"a:v{number}\n"
    must("log", "model", "-a", "b")
    must("rm", "a:v0", "--force")
    assert int(must("gc", "--grace", "0")) > 0
    assert must("cat", "a:best", "w.bin") == "2" * 1000
    must("get", "a:v1", "-o", "got")
    assert (where / "got" / "w.bin").read_bytes() == b"1" * 1000
    assert must("fsck", "--full") == ""
    racers = [
        subprocess.Popen([*before, sys.executable, "-m", "mreg", "log", "model", "-a", f"r{n % 2}"], cwd=where)
        for n in range(6)
    ]
    assert [racer.wait(mounts.PATIENCE) for racer in racers] == [0] * 6
    assert must("fsck", "--full") == ""


def test_a_disk_without_hard_links(disk: Path) -> None:
    with pytest.raises(OSError):
        (disk / "a").touch()
        os.link(disk / "a", disk / "b")

    first = run(disk, "init")

    if first.returncode:
        # Neither hard links nor a rename that never replaces: that is said, and nothing is left.
        assert first.returncode == 1
        assert "the file system supports neither hard links nor exclusive renames" in first.stderr
        assert "hint: the file system does not support what mreg requires" in first.stderr
        assert not (disk / ".mreg" / "config.toml").exists()
        return
    shutil.rmtree(disk / ".mreg")
    works(disk)


def test_link_refused_by_the_kernel(tmp_path: Path) -> None:
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("there is no strace")
    inject = "inject=link,linkat:error=EPERM"
    trace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=link,linkat", "-e", inject)
    if subprocess.run([*trace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    refused = subprocess.run([*trace, "ln", "/etc/passwd", tmp_path / "x"], capture_output=True, check=False)
    assert refused.returncode != 0

    works(tmp_path, *trace)
