"""What killed processes left behind goes with the next command, in a repository, a destination, the cache and beside
the user's settings, if it is certain that nobody fills it any more."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mreg import storage
from mreg.repository import Repository
from mreg.session import trust
from mreg.session.kept_chunks import KeptChunks
from mreg.session.segments import Segments
from mreg.storage.local import LocalStorage
from mreg.storage.memory import MemoryStorage
from mreg.storage.process import Process
from mreg.storage.temporary import DAY, drop_abandoned, replace_file, temporary_name
from mreg.sync.seen import Seen

pytestmark = pytest.mark.skipif(not Process.me().boot, reason="the kernel has no boot id: nothing is certain here")

MAKE = """
import os, sys
from mreg.storage.temporary import temporary_name
path = os.path.join(sys.argv[1], temporary_name(sys.argv[2]))
os.makedirs(os.path.join(path, "deep"))
open(os.path.join(path, "deep", "part"), "w").close()
print(path, flush=True)
sys.stdin.read()
"""


def start(folder: Path, prefix: str) -> tuple[subprocess.Popen[str], Path]:
    """A process that is filling a folder there."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE, str(folder), prefix], stdin=pipe, stdout=pipe, encoding="utf-8"
    )
    assert process.stdout
    return process, Path(process.stdout.readline().rstrip("\n"))


def name_of_a_dead_process(prefix: str = "") -> str:
    script = "import sys; from mreg.storage.temporary import temporary_name; print(temporary_name(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", script, prefix], capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Path]:
    process, path = start(tmp_path, ".model.")
    yield path
    process.kill()
    process.communicate()


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    process, path = start(tmp_path, ".model.")
    process.kill()
    process.communicate()
    return path


def test_what_the_dead_were_filling_goes_and_what_the_living_fill_stays(
    living: Path, dead: Path, tmp_path: Path
) -> None:
    mine = tmp_path / temporary_name(".model.")
    mine.mkdir()

    drop_abandoned(str(tmp_path), ".model.")

    assert (living.exists(), mine.exists(), dead.exists()) == (True, True, False)


def test_one_that_was_killed_and_not_waited_for_is_dead(tmp_path: Path) -> None:
    process, path = start(tmp_path, ".model.")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    drop_abandoned(str(tmp_path), ".model.")

    assert not path.exists()
    process.communicate()


def test_what_is_not_certain_stays(dead: Path, tmp_path: Path) -> None:
    _, kernel, pid, begun, chance = dead.name.removeprefix(".model.").split("-")
    stay = [
        f".model.mreg-{kernel}-{'9' * 20}-{begun}-{chance}",  # no number of a process
        f".model.mreg-{'0' * 8}-{pid}-{begun}-{chance}",  # of another machine, or before a restart
        f".other.mreg-{kernel}-{pid}-{begun}-{chance}",  # of another destination
        f".model.mreg-{kernel}-{pid}-{begun}-{chance}.txt",
        f".model.mreg-{kernel}-{pid}-{begun}",
        ".model.mreg-0123456789ab",
        f"model.mreg-{kernel}-{pid}-{begun}-{chance}",
    ]
    for name in stay:
        (tmp_path / name).mkdir()
    link = tmp_path / f".model.mreg-{kernel}-{pid}-{begun}-{'0' * 8}"
    link.symlink_to(tmp_path / stay[0])

    drop_abandoned(str(tmp_path), ".model.")

    assert sorted(os.listdir(tmp_path)) == sorted([*stay, link.name])


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
def test_the_next_get_takes_away_what_a_killed_one_left(
    inside: bool, repo: Repository, folder: Callable[..., str], tmp_path: Path
) -> None:
    repo.log(folder({"a": b"one", "b": b"two"}), "mnist")
    there = tmp_path / "out" / "model"
    if inside:
        there.mkdir(parents=True)
    (tmp_path / "out").mkdir(exist_ok=True)
    process, left = start(there if inside else tmp_path / "out", "." if inside else ".model.")
    process.kill()
    process.communicate()
    assert left.exists()

    repo.get("mnist", there)

    assert sorted(os.listdir(there)) == ["a", "b"]
    assert os.listdir(tmp_path / "out") == ["model"]


def test_unfinished_work_of_the_dead_in_a_repository_is_swept_however_young(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put("a", b"published")
    (tmp_path / "tmp" / temporary_name()).write_bytes(b"mine")
    left = tmp_path / "tmp" / name_of_a_dead_process()
    left.write_bytes(b"x" * 1000)

    told = storage.sweep(DAY, dry_run=True)
    assert left.exists()
    freed = storage.sweep(DAY)

    assert (told, freed) == (1000, 1000)
    assert [path.read_bytes() for path in (tmp_path / "tmp").iterdir()] == [b"mine"]


def test_a_repository_names_what_it_stages_by_the_scheme(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)

    with storage.stage():
        [name] = os.listdir(tmp_path / "tmp")

    assert name.startswith(temporary_name().rpartition("-")[0])


def test_use_takes_away_what_a_killed_one_left_in_the_cache(
    repo: Repository, folder: Callable[..., str], tmp_path: Path
) -> None:
    repo.log(folder({"a": b"one"}), "mnist")
    left = tmp_path / "cache" / "tmp"
    (left / name_of_a_dead_process() / "deep").mkdir(parents=True)
    (left / "123-of-an-older-release").mkdir()
    os.utime(left / "123-of-an-older-release", (time.time() - 2 * DAY,) * 2)
    stays = {temporary_name(), "456-of-an-older-release"}
    for name in stays:
        (left / name).mkdir()

    repo.use("mnist")

    assert set(os.listdir(left)) == stays


def test_settings_leave_nothing_beside_them_and_take_away_what_was_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "mreg").mkdir()
    (tmp_path / "mreg" / name_of_a_dead_process(".config.toml.")).write_text("[sa")

    trust.add_safe_directory("*")

    assert os.listdir(tmp_path / "mreg") == ["config.toml"]
    assert trust.safe_directories() == ["*"]


def test_settings_that_cannot_be_written_stay_as_they_were(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    trust.add_safe_directory("/before")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        trust.add_safe_directory("/after")

    assert os.listdir(tmp_path / "mreg") == ["config.toml"]
    assert trust.safe_directories() == ["/before"]


@pytest.mark.parametrize("place", ["seen", "kept chunks", "segments"])
def test_a_signal_leaves_nothing_unfinished_in_the_cache(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ctrl-C, SIGTERM and SIGHUP are exceptions, which come anywhere."""
    folder = tmp_path / "seen" if place == "seen" else tmp_path

    def interrupted(*_: object) -> None:
        assert list(folder.rglob("*mreg-*"))
        raise KeyboardInterrupt

    with Repository.init_storage(MemoryStorage(), "one", cache=str(tmp_path)) as one:
        write = {
            "seen": Seen(one._context, one._context, str(tmp_path)).save,
            "kept chunks": lambda: KeptChunks(str(tmp_path)).keep(b"\0" * 32, b"chunk"),
            "segments": lambda: Segments(MemoryStorage(), str(tmp_path))._keep(0, b"packed"),
        }[place]
        monkeypatch.setattr(os, "rename", interrupted)
        monkeypatch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write()

    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and "mreg-" in path.name] == []


def test_no_module_makes_names_for_unfinished_files_of_its_own() -> None:
    """What is in the system's temporary folder, which the system cleans, is none of these; nor are bundles, which go on
    where they were interrupted and have a documented name."""
    package = Path(storage.__file__).parents[1]
    own = re.compile(
        r"getpid\(|mkstemp\([^)]|mkdtemp\([^)]*dir=|TemporaryFile\([^)]*dir=|TemporaryDirectory\([^)]*dir="
    )

    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if own.search(path.read_text("utf-8"))}

    # Processes themselves; the holder of a lock.
    assert found == {"storage/temporary.py", "storage/process.py", "storage/lock.py"}


def test_a_file_in_the_current_folder_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name_of_a_dead_process(".chart.")).write_text("<sv")

    replace_file("chart", b"<svg>")

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"<svg>"]


def test_where_aliases_were_is_written_in_place_of_what_a_killed_one_left(tmp_path: Path) -> None:
    with Repository.init_storage(MemoryStorage(), "one") as one:
        seen = Seen(one._context, one._context, str(tmp_path))
        seen.save()
        (file,) = (tmp_path / "seen").iterdir()
        file.with_name(name_of_a_dead_process(f".{file.name}.")).write_text("{")

        seen.save()

    assert list((tmp_path / "seen").iterdir()) == [file]
