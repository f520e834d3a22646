"""`mreg://` does what fsspec asks of a filesystem that cannot be written to."""

from __future__ import annotations

import errno
import io
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.tests.abstract import AbstractFixtures, AbstractGetTests

from mreg.integrations.fsspec import MregFileSystem
from mreg.repository import Repository

FRAMEWORKS = Path(__file__).parents[2] / ".testdata" / "frameworks"
RAW = random.Random(1).randbytes((2 << 20) + 17)


class Staged(MregFileSystem):
    """What fsspec's suite writes lies in a folder, which is logged before anything is read."""

    protocol = "staged"
    cachable = False

    def __init__(self, top: Path) -> None:
        super().__init__(repo=str(top / "repository"))
        self._top, self._changed = top, False

    def _at(self, path: str) -> Path:
        self._changed = True
        at: Path = self._top / self._strip_protocol(path)
        at.parent.mkdir(parents=True, exist_ok=True)
        return at

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self._at(path).mkdir(parents=True, exist_ok=True)

    mkdir = makedirs

    def touch(self, path: str) -> None:
        self._at(path).touch()

    def pipe(self, path: str, value: bytes) -> None:
        self._at(path).write_bytes(value)

    def rm(self, path: str, recursive: bool) -> None:
        shutil.rmtree(self._at(path))

    def _version(self, place: Any) -> Any:
        if self._changed:
            self._repository(place).log(self._top / "suite", "suite")
            self._changed = False
        return super()._version(place)


class TestFsspecGetSuite(AbstractGetTests, AbstractFixtures):
    @pytest.fixture
    def fs(self, tmp_path: Path) -> Staged:
        Repository.init(tmp_path / "repository").close()
        return Staged(tmp_path)

    @pytest.fixture
    def fs_path(self) -> str:
        return "suite"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Two versions of `net`, `best` at the first, which the model `digits` links."""
    monkeypatch.delenv("MREG_REPO", raising=False)
    MregFileSystem.clear_instance_cache()
    with Repository.init(tmp_path / "project") as repository:
        files = {"raw.bin": RAW, "sub/text.txt": b"one\ntwo\n", "sub/deep/empty": b"", "array.npy": npy(np.arange(9.0))}
        repository.log({**files, "old": b"old"}, "net", aliases=["best"], links=["digits"])
        repository.log(files, "net")
        monkeypatch.chdir(tmp_path / "project")
        yield repository


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def test_urls_name_versions_by_reference(repository: Repository) -> None:
    for url in ("mreg://net:best/sub/text.txt", "mreg://digits/sub/text.txt", "mreg://net/sub/text.txt"):
        with fsspec.open(url, "rt") as file:
            assert file.read() == "one\ntwo\n"


def test_repository_is_found_given_or_part_of_the_url(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert fsspec.filesystem("mreg", repo=tmp_path / "project").cat("net:v0/old") == b"old"
    url = f"mreg://{tmp_path}/project/.mreg/net:v0/old"
    with fsspec.open(url) as file:
        assert file.read() == b"old"
    fs, path = fsspec.url_to_fs(url)
    assert fs.unstrip_protocol(path) == url


def test_folders_are_listed_from_the_repository_down(repository: Repository) -> None:
    fs = fsspec.filesystem("mreg")

    assert fs.ls("", detail=False) == ["digits", "net"]
    assert fs.ls("mreg://net:v1", detail=False) == ["net:v1/array.npy", "net:v1/raw.bin", "net:v1/sub"]
    assert sorted(fs.find("net:best/sub")) == ["net:best/sub/deep/empty", "net:best/sub/text.txt"]
    assert fs.glob("net:best/**/*.txt") == ["net:best/sub/text.txt"]
    assert [len(files) for _, _, files in fs.walk("net:v0")] == [3, 1, 1]
    assert fs.du("net:v0") == repository.version("net:v0").size
    top = f"{repository.location}"
    assert fs.ls(top, detail=False) == [f"{top}/digits", f"{top}/net"]
    assert fs.info(f"{top}/net:v0/old")["name"] == f"{top}/net:v0/old"


def test_details_tell_version_digest_and_time(repository: Repository) -> None:
    fs = fsspec.filesystem("mreg")
    (file,) = [file for file in repository.files("net:v0") if file.path == "old"]

    found = fs.info("net:best/old")

    created = repository.version("net:v0").created
    assert found == {
        "name": "net:best/old",
        "size": 3,
        "type": "file",
        "version": "net:v0",
        "digest": file.digest,
        "created": created,
    }
    assert (fs.ukey("net:best/old"), fs.modified("net:best/old")) == (file.digest, created)
    assert fs.info("digits")["type"] == "directory"


@pytest.mark.parametrize(
    "path", ["net:v7/old", "nothing/x", "net:v0/nothing", "net:v0/sub/nothing", "a b:/x", "net:v0/ol"]
)
def test_what_is_not_there_raises_file_not_found(repository: Repository, path: str) -> None:
    fs = fsspec.filesystem("mreg")

    assert not fs.exists(path)
    for read in (fs.info, fs.ls, fs.cat_file, fs.open):
        with pytest.raises(FileNotFoundError):
            read(path)


@pytest.mark.parametrize("path", ["", "net:v0", "net:v0/sub"])
def test_a_folder_is_no_file(repository: Repository, path: str) -> None:
    with pytest.raises(IsADirectoryError):
        fsspec.filesystem("mreg").open(path)


def test_an_open_file_stays_when_its_alias_moves(repository: Repository) -> None:
    fs = fsspec.filesystem("mreg")
    file = fs.open("net:best/old")

    repository.set_alias("best", "net:v1")

    assert file.read() == b"old"
    assert not fs.exists("net:best/old")


def test_a_name_that_was_deleted_and_made_again_is_not_remembered(repository: Repository) -> None:
    fs = fsspec.filesystem("mreg")
    assert fs.cat("net/sub/text.txt") == b"one\ntwo\n"

    repository.log({"other": b"1"}, "net")

    assert fs.ls("net", detail=False) == ["net/other"]


@pytest.mark.parametrize(("start", "end"), [(0, 10), (-10, None), (5, -5), (1 << 20, (1 << 20) + 5), (7, 3), (None, 9)])
def test_ranges_are_slices(repository: Repository, start: int | None, end: int | None) -> None:
    assert fsspec.filesystem("mreg").cat_file("net/raw.bin", start, end) == RAW[start:end]


@pytest.mark.parametrize(
    "write",
    [
        lambda fs: fs.open("net:v0/new", "wb"),
        lambda fs: fs.pipe("net:v0/new", b""),
        lambda fs: fs.rm("net:v0/old"),
        lambda fs: fs.rm_file("net:v0/old"),
        lambda fs: fs.mkdir("net:v0/new"),
        lambda fs: fs.makedirs("net:v0/new"),
        lambda fs: fs.rmdir("net:v0/sub"),
        lambda fs: fs.mv("net:v0/old", "net:v0/new"),
        lambda fs: fs.cp_file("net:v0/old", "net:v0/new"),
        lambda fs: fs.put_file(__file__, "net:v0/new"),
        lambda fs: fs.touch("net:v0/old"),
    ],
)
def test_whatever_writes_is_refused(repository: Repository, write: Any) -> None:
    with pytest.raises(OSError, match="read-only") as raised:
        write(fsspec.filesystem("mreg"))

    assert raised.value.errno == errno.EROFS


def test_files_come_down_whole_and_verified(repository: Repository, tmp_path: Path) -> None:
    fs = fsspec.filesystem("mreg")

    fs.get("net:v0/", str(tmp_path / "out"), recursive=True)

    assert (tmp_path / "out" / "raw.bin").read_bytes() == RAW
    assert (tmp_path / "out" / "sub" / "deep" / "empty").read_bytes() == b""


def test_local_caches_of_fsspec_work(repository: Repository, tmp_path: Path) -> None:
    for cache in ("simplecache", "filecache"):
        options = {cache: {"cache_storage": str(tmp_path / cache)}}
        with fsspec.open(f"{cache}::mreg://net:v0/raw.bin", **options) as file:
            assert file.read() == RAW


def test_it_can_be_pickled_and_used_in_another_process(repository: Repository, tmp_path: Path) -> None:
    fs = fsspec.filesystem("mreg", repo=str(tmp_path / "project"))
    fs.cat("net:v0/old")
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).cat('net:v0/old'))"

    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(fs), capture_output=True, check=True)

    assert done.stdout == b"b'old'\n"


def test_it_works_after_a_fork(repository: Repository) -> None:
    fs = fsspec.filesystem("mreg")
    fs.cat("net:v0/old")

    child = os.fork()
    if not child:
        try:
            os._exit(0 if fs.cat("net:v0/raw.bin") == RAW and fs.cat("net:best/old") == b"old" else 1)
        except BaseException:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_read_through_one_filesystem(repository: Repository) -> None:
    fs = fsspec.filesystem("mreg")

    def read(number: int) -> bool:
        start = number * 1000
        with fs.open("net/raw.bin") as file:
            file.seek(start)
            return file.read(5000) == RAW[start : start + 5000]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(100)))


def test_numpy_loads_from_an_open_file(repository: Repository) -> None:
    with fsspec.open("mreg://net:best/array.npy") as file:
        assert np.array_equal(np.load(file), np.arange(9.0))


@pytest.mark.skipif(not (FRAMEWORKS / "pyarrow").is_dir(), reason="pandas and pyarrow are not there: `make frameworks`")
def test_pandas_and_pyarrow_read_urls(repository: Repository, tmp_path: Path) -> None:
    # given
    code = """
        import sys
        import pandas as pd, pyarrow.dataset as ds, fsspec
        frame = pd.DataFrame({"x": range(1000), "y": [f"row {n}" for n in range(1000)]})
        if sys.argv[1] == "write":
            frame.to_csv("rows.csv", index=False), frame.to_parquet("rows.parquet")
            frame[:500].to_parquet("parts/a.parquet"), frame[500:].to_parquet("parts/b.parquet")
        else:
            assert pd.read_csv("mreg://rows:v0/rows.csv").equals(frame)
            assert pd.read_parquet("mreg://rows/rows.parquet").equals(frame)
            assert pd.read_parquet("simplecache::mreg://rows/rows.parquet").equals(frame)
            dataset = ds.dataset("rows:v0/parts", filesystem=fsspec.filesystem("mreg"), format="parquet")
            assert dataset.to_table(filter=ds.field("x") > 990).num_rows == 9
            try:
                frame.to_csv("mreg://rows:v0/new.csv")
            except OSError as error:
                print(error)
    """
    code = "\n".join(line[8:] for line in code.splitlines())
    environment = {**os.environ, "PYTHONPATH": str(FRAMEWORKS), "MREG_CACHE": str(tmp_path / "cache")}
    folder = tmp_path / "data"
    (folder / "parts").mkdir(parents=True)
    subprocess.run([sys.executable, "-c", code, "write"], cwd=folder, env=environment, check=True)
    repository.log(folder, "rows")

    # when
    done = subprocess.run(
        [sys.executable, "-c", code, "read"], env=environment, capture_output=True, text=True, check=False
    )

    # then
    assert (done.returncode, done.stdout) == (
        0,
        "[Errno 30] versions never change: mreg:// is read-only: 'rows:v0'\n",
    ), done.stderr
