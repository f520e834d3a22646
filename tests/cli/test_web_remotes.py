"""A copy of a repository behind a web server is read, and a server that lies is found out."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from web_server import Files, WebServer

from mreg.storage.answers import NoServer
from mreg.storage.base import TooLarge
from mreg.storage.web import BadAnswer, OnlyToRead, Web


class Ranges(Files):
    """Gives ranges, by a lie where there is one."""

    lie = ""

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            return super().do_GET()
        data = path.read_bytes()
        first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
        last = min(last, len(data) - 1)
        if first > last:
            return self.send_error(416)
        body, told = data[first : last + 1], f"bytes {first}-{last}/{len(data)}"
        if self.lie == "another part":
            told = f"bytes {first + 1}-{last + 1}/{len(data)}"
        if self.lie == "shorter":
            body = body[: len(body) // 2]
            told = f"bytes {first}-{first + len(body) - 1}/{len(data)}" if body else told
        if self.lie == "no range":
            told = "bytes"
        self.send_response(206)
        self.send_header("Content-Length", str(len(body) + (7 if self.lie == "cut off" else 0)))
        self.send_header("Content-Range", told)
        self.end_headers()
        self.wfile.write(body)
        return None


class CutOff(Files):
    def copyfile(self, source: Any, outputfile: Any) -> None:
        data = source.read()
        outputfile.write(data[: len(data) // 2])


class Elsewhere(Files):
    target = "http://169.254.169.254/latest"

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.target)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Busy(Files):
    def do_GET(self) -> None:
        self.send_error(503)


class OnePage(Files):
    """What is not there is answered with a page, of no kind that is told, as servers of single-page applications do."""

    asked = 0

    def do_GET(self) -> None:
        if Path(self.translate_path(self.path)).exists():
            return super().do_GET()
        type(self).asked += 1
        if self.asked > 100:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"page")
        return None


@contextmanager
def serving(folder: Path, handler: type[Files]) -> Iterator[str]:
    with WebServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture
def team(bare: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A repository, and a copy of another one in the folder `site`."""
    monkeypatch.setenv("MREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (bare.home / "ckpt").mkdir()
    (bare.home / "ckpt" / "w.bin").write_bytes(os.urandom(3 << 20))
    bare.must("--repo", "elsewhere", "init")
    bare.must("--repo", "elsewhere", "log", "ckpt", "-a", "mnist", "--alias", "best")
    for number in range(20):
        bare.must("--repo", "elsewhere", "alias", "set", f"a{number}", "mnist:v0")
    shutil.copytree(bare.home / "elsewhere" / ".mreg", bare.home / "site")
    bare.must("init")
    return bare


@pytest.mark.parametrize("handler", [Files, Ranges])
def test_a_copy_behind_a_web_server_is_read(team: Any, handler: type[Files]) -> None:
    with serving(team.home / "site", handler) as url:
        team.must("remote", "add", "team", url)

        assert team.must("resolve", "team/mnist:best") == "team/mnist:v0\n"
        assert team.must("ls", "team/") == team.must("--repo", "elsewhere", "ls")
        team.must("get", "team/mnist:a19", "-o", "out")
        assert (team.home / "out" / "w.bin").read_bytes() == (team.home / "ckpt" / "w.bin").read_bytes()
        assert len(team.must("history", "team/").splitlines()) == 21 + 1
        shutil.rmtree(team.home / "site" / "journal")
        shutil.copytree(team.home / "elsewhere" / ".mreg" / "journal", team.home / "site" / "journal")


def test_what_was_added_to_the_copy_is_seen(team: Any) -> None:
    with serving(team.home / "site", Files) as url:
        assert team.must("--repo", url, "resolve", "mnist:best") == "mnist:v0\n"
        team.must("--repo", "elsewhere", "alias", "set", "newest", "mnist:v0")
        shutil.copytree(team.home / "elsewhere" / ".mreg", team.home / "site", dirs_exist_ok=True)

        assert team.must("--repo", url, "resolve", "mnist:newest") == "mnist:v0\n"


@pytest.mark.parametrize("line", ["alias set x mnist:v0", "rm mnist:v0 --force", "log ckpt -a other"])
def test_writing_is_refused(team: Any, line: str) -> None:
    with serving(team.home / "site", Files) as url:
        done = team("--repo", url, *line.split())

    assert (done.code, done.out) == (6, "")
    assert f"error: {url} is read-only\n" in done.errors
    assert "hint: write to the original repository" in done.errors


@pytest.mark.parametrize("lie", ["another part", "shorter", "no range", "cut off"])
def test_a_server_that_lies_about_ranges_is_found_out(team: Any, lie: str) -> None:
    handler = type("Lying", (Ranges,), {"lie": lie})
    with serving(team.home / "site", handler) as url:
        done = team("--repo", url, "get", "mnist:v0", "-o", "out")

    assert done.code == 1, done
    assert done.errors.count("error:") == 1 and f"{url} " in done.errors
    assert not (team.home / "out").exists()


def test_a_server_that_cuts_files_off_is_found_out(team: Any) -> None:
    with serving(team.home / "site", CutOff) as url:
        done = team("--repo", url, "resolve", "mnist:v0")

    assert (done.code, done.out) == (1, "")
    assert done.errors.startswith(f"error: {url} sends less than it announced\nhint: ")


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "file:///etc/passwd", "https://a:b@host/x"])
def test_redirects_lead_nowhere_else(team: Any, target: str) -> None:
    with serving(team.home / "site", type("There", (Elsewhere,), {"target": target})) as url:
        done = team("--repo", url, "resolve", "mnist:v0")

    assert (done.code, done.out) == (1, "")
    assert done.errors.startswith(f"error: {url} ") and done.errors.count("\n") == 2


def test_a_server_that_is_out_of_order_or_gone_is_told_in_a_sentence(team: Any) -> None:
    with serving(team.home / "site", Busy) as url:
        busy = team("--repo", url, "resolve", "mnist:v0")
    gone = team("--repo", url, "resolve", "mnist:v0")

    assert (busy.code, busy.errors.splitlines()[0]) == (1, f"error: {url} answers 503")
    assert (gone.code, gone.errors.splitlines()[0]) == (
        1,
        f"error: {url} cannot be reached: the connection was refused",
    )


def test_a_server_that_answers_everything_is_found_out_and_nothing_of_it_stays(team: Any) -> None:
    handler: Any = type("Answering", (OnePage,), {})
    with serving(team.home / "site", handler) as url:
        done = team("--repo", url, "resolve", "mnist:best")
        asked, handler.asked = handler.asked, 101
        mended = team("--repo", url, "resolve", "mnist:best")

    assert (done.code, done.out) == (5, "")
    assert done.errors.startswith("error: journal entry 22 is damaged: ")
    assert asked < 50
    assert (mended.code, mended.out) == (0, "mnist:v0\n")


def test_what_is_no_repository_is_told(team: Any) -> None:
    (team.home / "empty").mkdir()
    with serving(team.home / "empty", Files) as url:
        done = team("--repo", url, "ls")

    assert (done.code, done.errors.splitlines()[0]) == (3, f"error: there is no mreg repository at {url}")


def test_bytes_that_the_server_changed_are_not_handed_out(team: Any) -> None:
    for pack in (team.home / "site" / "packs").rglob("*"):
        if pack.is_file():
            pack.chmod(0o644)
            data = bytearray(pack.read_bytes())
            data[1000:1100] = bytes(100)
            pack.write_bytes(data)
    with serving(team.home / "site", Ranges) as url:
        done = team("--repo", url, "get", "mnist:v0", "-o", "out")

    assert done.code == 5
    assert not (team.home / "out").exists()


@pytest.mark.parametrize("told", [True, False])
def test_a_value_larger_than_any_may_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    (tmp_path / "fits").write_bytes(b"123")
    (tmp_path / "large").write_bytes(b"1234")
    monkeypatch.setattr("mreg.storage.web.MAX_VALUE", 3)
    if not told:
        monkeypatch.setattr("mreg.storage.web._length", lambda _: None)

    with serving(tmp_path, Files) as url:
        found = Web(url).get("fits")
        assert found is not None and found.data == b"123"
        with pytest.raises(TooLarge):
            Web(url).get("large")


def test_ranges_beyond_the_end_and_missing_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"0123456789")
    for handler in (Files, Ranges):
        with serving(tmp_path, handler) as url:
            web = Web(url)
            parts = [web.read("a/b", start, length) for start, length in ((0, 10), (4, 3), (9, 5), (11, 1), (0, 0))]
            assert parts == [b"0123456789", b"456", b"9", b"", b""]
            assert web.get("a") is None and web.get("c") is None and web.stat("c") is None
            stat = web.stat("a/b")
            assert stat is not None and stat.size == 10
            with pytest.raises(FileNotFoundError):
                web.read("c", 0, 1)
            with pytest.raises(OnlyToRead):
                web.put("x", b"")
    with pytest.raises(NoServer):
        web.get("a/b")
    assert issubclass(BadAnswer, Exception)
