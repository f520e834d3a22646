"""What cannot be logged, read or written: the right exit code, a sentence that names the thing, the next step,
no traceback, and a repository that is as it was."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mounts
import pytest

from mreg.refs.keys import CONFIG
from mreg.repository import Repository

Model = Callable[..., str]
Unchanged = Callable[[], Any]


def assert_refused(result: Any, code: int, *words: str, hint: str = "") -> None:
    """One sentence with these words, one hint, nothing on standard output."""
    told, *hints = result.errors.splitlines()
    assert (result.code, result.out) == (code, ""), result
    assert told.startswith("error: ")
    for word in words:
        assert word in told
    assert len(hints) == 1
    assert hints[0].startswith("hint: ")
    assert hint in hints[0]


# Sources.


@pytest.fixture
def log(filled: Any, unchanged: Unchanged) -> Callable[..., Any]:
    """Log a folder called `bad`, which must change nothing."""

    def log(*options: str) -> Any:
        with unchanged():
            result = filled("log", *(options or ("bad",)), "-a", "digits", "--alias", "best", "--link", "Other")
        assert filled("fsck", "--full").code == 0
        return result

    (filled.home / "bad").mkdir()
    (filled.home / "bad" / "good.bin").write_bytes(b"good")
    return log


def test_a_missing_path_is_not_found(log: Any) -> None:
    assert_refused(log("nowhere"), 3, "no file or folder 'nowhere'", hint="check the path")


def test_one_missing_path_among_others_is_not_found(log: Any) -> None:
    assert_refused(log("bad", "nowhere"), 3, "'nowhere'", hint="check the path")


def test_an_empty_folder_holds_nothing_to_log(filled: Any, log: Any) -> None:
    (filled.home / "empty" / "inner").mkdir(parents=True)

    assert_refused(log("empty"), 2, "'empty' contains no files", hint="--include")


def test_patterns_that_leave_nothing_are_told(log: Any) -> None:
    assert_refused(log("bad", "--include", "*.none"), 2, "'bad' contains no files", hint="--include")


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_file_is_refused_by_name(filled: Any, log: Any, kind: str, tmp_path: Path) -> None:
    path = filled.home / "bad" / "thing"
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            stack.enter_context(contextlib.chdir(path.parent))  # the name of a socket must be short
            server.bind(path.name)
            stack.close()
        else:
            os.symlink("/dev/null", path)

        assert_refused(log(), 6, "'bad/thing'", f"it is a {kind}", hint="--exclude")
    assert filled.must("log", "bad", "-a", "digits", "--exclude", "thing") == "digits:v2\n"


def test_a_device_given_itself_is_refused(log: Any) -> None:
    assert_refused(log("/dev/zero"), 6, "'/dev/zero'", "it is a device")


def test_links_are_followed_and_what_they_point_at_is_stored(filled: Any, model: Model) -> None:
    model("blobs", {"abc": b"the weights"})
    snapshot = filled.home / "snapshot"
    snapshot.mkdir()
    (snapshot / "model.bin").symlink_to("../blobs/abc")
    (snapshot / "folder").symlink_to("../blobs")

    filled.must("log", "snapshot", "-a", "hub")

    assert filled("cat", "hub", "model.bin").out == "the weights"
    assert filled("cat", "hub", "folder/abc").out == "the weights"
    path = Path(filled.must("get", "hub").rstrip())
    assert not (path / "model.bin").is_symlink()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nowhere", "a broken symbolic link"),
        ("thing", "a symbolic link that leads to itself"),
        (".", "a symbolic link to a folder that contains it"),
        ("..", "a symbolic link to a folder that contains it"),
    ],
)
def test_dangling_links_and_loops_are_refused_by_name(filled: Any, log: Any, target: str, reason: str) -> None:
    inner = filled.home / "bad" / "inner"
    inner.mkdir()
    (inner / "thing").symlink_to(target)

    assert_refused(log(), 6, "'bad/inner/thing'", reason, hint="--exclude")


def test_names_that_are_not_unicode_are_refused(filled: Any, log: Any) -> None:
    Path(os.fsdecode(os.fsencode(filled.home / "bad") + b"/w\xff.bin")).write_bytes(b"x")

    assert_refused(log(), 6, "w\\udcff.bin", "its name is not valid Unicode", hint="--exclude")
    with_json = filled("--json", "log", "bad", "-a", "digits")
    assert (with_json.code, with_json.error["code"]) == (6, "unsupported-file")
    assert os.fsencode(with_json.error["path"]) == b"bad/w\xff.bin"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("log one -a new -m \udcff", "\\udcff"),
        ("log one -a new --input-uri s3://\udcff/x", "s3://\\udcff/x"),
        ("log one -a new --type \udcff", "\\udcff"),
        ("model describe Classifier \udcff", "\\udcff"),
    ],
)
def test_a_text_that_is_not_unicode_is_refused_and_told(
    filled: Any, unchanged: Callable[[], Any], line: str, word: str
) -> None:
    with unchanged():
        result = filled(*line.split(" "))

    assert_refused(result, 2, f"'{word}' is not valid Unicode", hint="write it in UTF-8")


def test_names_that_are_one_in_another_normal_form_are_refused(filled: Any, log: Any) -> None:
    for name in ("caf\u00e9", "cafe\u0301"):
        (filled.home / "bad" / name).write_bytes(b"x")
    if len(list((filled.home / "bad").iterdir())) != 3:
        pytest.skip("they collide on this one")

    result = log()

    assert_refused(result, 6, hint="--exclude")
    assert "caf\u00e9" in result.errors
    assert "cafe\u0301" in result.errors


def test_two_paths_of_one_name_are_refused(filled: Any, log: Any, model: Model) -> None:
    model("x", {"same.bin": b"1"})
    model("y", {"same.bin": b"2"})

    assert_refused(log("x/same.bin", "y/same.bin"), 6, "'same.bin'", "several of the given paths")


def test_a_file_that_grows_while_it_is_read_is_a_conflict(
    filled: Any, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled.home / "growing.bin"
    path.write_bytes(os.urandom(1 << 20))
    _at_first_piece(monkeypatch, lambda: path.write_bytes(os.urandom(2 << 20)))

    with unchanged():
        result = filled("log", "growing.bin", "-a", "digits", "--alias", "best")

    assert_refused(result, 4, "'growing.bin' changed while it was read", hint="wait until the program")


def test_a_file_that_shrinks_while_it_is_read_is_a_conflict(
    filled: Any, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled.home / "shrinking.bin"
    path.write_bytes(os.urandom(8 << 20))
    _at_first_piece(monkeypatch, lambda: os.truncate(path, 100))

    with unchanged():
        result = filled("log", "shrinking.bin", "-a", "digits")

    assert_refused(result, 4, "'shrinking.bin' changed while it was read", hint="wait until the program")


def test_a_file_that_loses_another_name_while_it_is_read_is_the_same(
    filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ctime changes, and nothing of what it holds."""
    path, other = filled.home / "linked.bin", filled.home / "other"
    path.write_bytes(os.urandom(1 << 20))
    os.link(path, other)
    _at_first_piece(monkeypatch, other.unlink)

    result = filled("log", "linked.bin", "-a", "digits", "-q")

    assert (result.code, result.out, result.errors) == (0, "digits:v2\n", "")


def test_a_file_that_is_removed_before_it_is_read_is_named(
    filled: Any, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    model("m", {"a.bin": os.urandom(1 << 20), "b.bin": b"b" * 5_000})
    _at_first_piece(monkeypatch, (filled.home / "m" / "b.bin").unlink)

    with unchanged():
        result = filled("log", "m", "-a", "digits")

    assert_refused(result, 4, "'m/b.bin' changed while it was read")


def _at_first_piece(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Let something happen to the sources when the first piece has been read."""
    from mreg.intake import pipeline

    real, acted = pipeline.chunks, []

    def hooked(*arguments: Any) -> Any:
        for piece in real(*arguments):
            if not acted:
                acted.append(act())
            yield piece

    monkeypatch.setattr(pipeline, "chunks", hooked)


def test_an_unreadable_file_is_named(public_home: Path, as_nobody: Any) -> None:
    model = public_home / "model"
    model.mkdir(mode=0o755)
    (model / "a.bin").write_bytes(b"a")
    (model / "secret.bin").write_bytes(b"s")
    (model / "secret.bin").chmod(0o600)
    (model / "folder").mkdir(mode=0o700)
    os.chown(public_home, 65534, 65534)
    assert as_nobody("init").code == 0

    assert_refused(
        as_nobody("log", "model", "-a", "a", "--exclude", "folder"),
        1,
        "'model/secret.bin'",
        "Permission denied",
        hint="--exclude",
    )
    assert_refused(as_nobody("log", "model", "-a", "a"), 1, "'model/folder'", "Permission denied", hint="--exclude")
    assert as_nobody("ls").out == ""
    assert as_nobody("log", "model", "-a", "a", "--exclude", "folder", "--exclude", "secret.*").out == "a:v0\n"


# The repository itself.


def put(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))


def test_a_newer_format_is_refused_for_reading_and_writing(filled: Any, unchanged: Unchanged) -> None:
    put(filled.home / ".mreg" / "config.toml", lambda data: data.replace(b"format = 2", b"format = 3"))

    with unchanged():
        for line in ("ls", "resolve digits", "log one -a digits", "gc", "fsck", "use digits", "init"):
            assert_refused(filled(*line.split()), 6, "format 3", "formats up to 2", hint="newer release")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xff", b"format = one\n"])
def test_a_damaged_config_is_told(filled: Any, unchanged: Unchanged, content: bytes) -> None:
    put(filled.home / ".mreg" / "config.toml", lambda _: content)

    with unchanged():
        for line in ("ls", "resolve digits", "log one -a digits", "fsck"):
            assert_refused(filled(*line.split()), 5, "config.toml is damaged")


def test_a_changed_setting_in_the_file_is_damage(filled: Any, unchanged: Unchanged) -> None:
    filled.must("config", "set", "gc.grace", "3d")
    put(filled.home / ".mreg" / "config.toml", lambda data: data.replace(b"3d", b"0d"))

    with unchanged():
        assert_refused(filled("gc"), 5, "config.toml is damaged")
        assert filled("fsck").code == 5


def test_settings_that_other_hands_wrote_are_told_and_set_right(filled: Any, unchanged: Unchanged) -> None:
    with Repository.open(filled.home) as repo:
        text = f'format = 2\nid = "{repo.id}"\n[lock]\ntimeout = "x"\n[log]\nexclude = [1]\n[gc]\ngrace = "nan"\n'
        repo._context.commit("by hand", lambda draft: draft.set(CONFIG, text))

    with unchanged():
        for line, name in (
            ("alias set new digits:v0", "lock.timeout"),
            ("log one -a digits", "log.exclude"),
            ("gc", "gc.grace"),
            ("config get gc.grace", "gc.grace"),
        ):
            words = f"config.toml sets '{name}' to an invalid value"
            assert_refused(filled(*line.split()), 5, words, hint=f"`mreg config set {name} VALUE`")
        listed, told = filled("config", "ls"), filled("config", "ls", "--json").json
    assert listed.code == 0 and len(listed.out.splitlines()) == 12
    assert [line.split()[0] for line in listed.errors.splitlines()] == ["gc.grace", "lock.timeout", "log.exclude"]
    assert list(told["faults"]) == ["gc.grace", "lock.timeout", "log.exclude"]
    assert len(told["settings"]) == 9

    filled.must("config", "set", "log.exclude", "*.tmp")
    filled.must("config", "set", "lock.timeout", "30s")
    filled.must("alias", "set", "new", "digits:v0")
    filled.must("config", "set", "gc.grace", "14d")
    filled.must("gc")
    assert filled("fsck").code == 0


def test_more_metadata_than_a_record_takes_is_refused(filled: Any, unchanged: Unchanged) -> None:
    (filled.home / "large.json").write_text('{"text": "' + "x" * (4 << 20) + '"}', encoding="utf-8")

    with unchanged():
        for line in ("log one -a digits", "annotate digits:v0"):
            refused = filled(*line.split(), "--meta-file", "large.json")
            assert_refused(refused, 2, "metadata, message and inputs together", "4 MiB")


DAMAGES: list[tuple[str, str, str]] = [
    # what to damage, a command that needs it, a part of the sentence
    ("aliases/digits/best", "resolve digits:best", "aliases/digits/best"),
    ("aliases/digits/best", "alias set best digits:v1", "aliases/digits/best"),
    ("artifacts/digits/v1", "resolve digits", "artifacts/digits/v1"),
    ("artifacts/digits/artifact.toml", "log two -a digits", "artifacts/digits/artifact.toml"),
    ("registered/Classifier/links", "resolve Classifier", "registered/Classifier/links"),
    ("registered/Classifier/links", "link digits:v1 Classifier", "registered/Classifier/links"),
    ("registered/Classifier/card.md", "card Classifier", "registered/Classifier/card.md"),
    ("objects", "files digits:v0", "is damaged"),
    ("packs", "cat digits:v0 weights.bin", "'weights.bin' of digits:v0"),
    ("packs", "use digits:v0", "of digits:v0"),
    ("packs", "get digits:v0 -o out", "of digits:v0"),
    ("journal", "history", "journal entry"),
]


@pytest.mark.parametrize(("what", "line", "sentence"), DAMAGES, ids=[f"{row[0]} {row[1]}" for row in DAMAGES])
def test_damage_is_named_and_never_handed_out(
    filled: Any, unchanged: Unchanged, what: str, line: str, sentence: str
) -> None:
    place = filled.home / ".mreg" / what
    for path in [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]:
        put(path, lambda data: bytes(byte ^ 1 if 8 <= n < len(data) - 1 else byte for n, byte in enumerate(data)))

    with unchanged():
        result = filled(*line.split())
        checked = filled("fsck", "--full")

    assert_refused(result, 5, sentence, hint="mreg fsck")
    assert not (filled.home / "out").exists()
    assert checked.code == 5
    assert "Traceback" not in checked.errors


def test_a_missing_pack_is_named_with_whom_it_hurts(filled: Any) -> None:
    shutil.rmtree(filled.home / ".mreg" / "packs")

    assert_refused(filled("cat", "digits:v0", "weights.bin"), 5, "digits:v0", hint="mreg fsck")
    found = filled("--json", "fsck").json["findings"]
    assert {version for finding in found for version in finding["hurts"]} == {"digits:v0", "digits:v1"}


def test_a_damaged_lookup_cache_harms_nobody(filled: Any, tmp_path: Path) -> None:
    (cache,) = (tmp_path / "cache" / "index").glob("*.sqlite")
    for content in (b"", b"nonsense" * 1000, cache.read_bytes()[:5000]):
        cache.write_bytes(content)

        assert filled("cat", "digits:v0", "weights.bin") == (0, "one" * 100, "")
        assert filled("ls", "digits").out.count("\n") == 2


def test_a_spoilt_ready_copy_is_made_anew(filled: Any) -> None:
    path = Path(filled.must("use", "digits:v0").rstrip())
    weights = path / "weights.bin"
    weights.chmod(0o644)
    weights.write_bytes(b"spoilt")

    again = Path(filled.must("use", "digits:v0").rstrip())

    assert (again / "weights.bin").read_bytes() == b"one" * 100


# The machine.


def _is_root() -> bool:
    return os.geteuid() == 0


READING = (
    "ls",
    "ls digits",
    "resolve digits:best",
    "show Classifier",
    "cat digits:v0 weights.bin",
    "get digits",
    "fsck",
)
WRITING = (
    "log one -a new",
    "alias set best digits:v1",
    "tag add Classifier x",
    "rm digits:v1",
    "config set gc.grace 1d",
)


@pytest.fixture
def mounted(filled: Any) -> Iterator[Callable[..., None]]:
    """Mount something over the repository; root only."""
    if not _is_root() or shutil.which("mount") is None:
        pytest.skip("only root can mount")
    done: list[str] = []

    def mount(*options: str, at: str) -> None:
        found = subprocess.run(["mount", *options, at], capture_output=True, text=True, check=False)
        if found.returncode:
            pytest.skip(f"cannot mount here: {found.stderr.strip()}")
        done.append(at)

    yield mount
    for at in reversed(done):
        mounts.unmount(at)


def test_a_read_only_repository_can_be_read_and_refuses_changes(
    filled: Any, mounted: Any, unchanged: Unchanged
) -> None:
    place = str(filled.home / ".mreg")
    mounted("--bind", place, at=place)
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)

    with unchanged():
        for line in READING:
            assert filled(*line.split()).code == 0, line
        for line in WRITING:
            assert_refused(filled(*line.split()), 1, "the file system is read-only", hint="writable")
        assert filled("gc", "--dry-run").code in (0, 1)
        assert filled("use", "digits").code == 0


def test_a_repository_of_another_user_can_be_read_and_refuses_changes(public_home: Path, as_nobody: Any) -> None:
    (public_home / "w.bin").write_bytes(b"w")
    script = "umask 022 && cd {0} && {1} init && {1} log w.bin -a digits --alias best --link Classifier"
    mreg = f"{os.fspath(shutil.which('env') or 'env')} {_python()} -m mreg"
    subprocess.run(["sh", "-c", script.format(public_home, mreg)], check=True, capture_output=True)
    (public_home.parent / "cache").chmod(0o777)
    shutil.rmtree(public_home.parent / "cache")
    (public_home.parent / "cache").mkdir()
    os.chown(public_home.parent / "cache", 65534, 65534)
    before = _digests(public_home)

    assert as_nobody("resolve", "digits:best") == (0, "digits:v0\n", "")
    assert as_nobody("ls").code == 0
    assert as_nobody("cat", "digits", "w.bin").out == "w"
    assert as_nobody("use", "digits").code == 0
    assert as_nobody("fsck", "--full").code == 0
    for line in ("log w.bin -a new", "alias set next digits:v0", "tag add Classifier x", "gc"):
        assert_refused(as_nobody(*line.split()), 1, "permission denied", hint="owner")
    assert_refused(as_nobody("get", "digits"), 1, "permission denied")
    assert _digests(public_home) == before


def test_a_cache_that_cannot_be_written_stops_no_reader(public_home: Path, as_nobody: Any) -> None:
    os.chown(public_home, 65534, 65534)
    (public_home / "w.bin").write_bytes(b"w")
    os.chown(public_home.parent / "cache", 0, 0)

    assert as_nobody("init").code == 0
    assert as_nobody("log", "w.bin", "-a", "a").out == "a:v0\n"
    assert as_nobody("cat", "a", "w.bin").out == "w"
    assert as_nobody("ls", "a").code == 0
    assert_refused(as_nobody("use", "a"), 1, "permission denied")


@pytest.mark.parametrize("place", ["card.md", "card.md/below", "/proc/none", "home"])
def test_a_cache_that_cannot_be_made_is_told_to_be_the_cache(
    filled: Any, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("MREG_CACHE", place)
    if place == "home":
        for name in ("MREG_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(filled.home / "card.md"))

    with unchanged():
        assert_refused(filled("use", "digits"), 1, "cannot create the cache folder", hint="MREG_CACHE")
        assert filled("--json", "use", "digits").error["code"] == "unusable-cache"
        assert filled("resolve", "digits:best") == (0, "digits:v0\n", ""), "others do without"
        assert filled("cat", "digits:v0", "weights.bin") == (0, "one" * 100, "")


@pytest.mark.parametrize("line", ["ls", "init", "init new", "log . -a digits", "--repo x ls", "get digits"])
def test_a_working_folder_that_is_gone_is_told(filled: Any, unchanged: Unchanged, line: str) -> None:
    repository = str(filled.home / ".mreg")
    gone = filled.home / "gone"
    gone.mkdir()
    options = ["--repo", repository] if line.startswith("get") else []

    with unchanged():
        result = _run_where_it_goes(filled, gone, *options, *line.split())

    assert_refused(result, 3, "the working folder no longer exists", hint="-C DIR")


def test_where_the_working_folder_is_gone_another_can_be_named(filled: Any) -> None:
    gone = filled.home / "gone"
    gone.mkdir()

    result = _run_where_it_goes(filled, gone, "-C", str(filled.home), "resolve", "digits")

    assert result == (0, "digits:v1\n", "")


def _run_where_it_goes(mreg: Any, folder: Path, *command: str) -> Any:
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    mreg.line = lambda *given: ["sh", "-c", script, "sh", str(folder), _python(), "-m", "mreg", *given]
    return mreg.process(*command)


def test_an_immutable_repository_refuses_changes(filled: Any, unchanged: Unchanged) -> None:
    if not _is_root():
        pytest.skip("only root can make folders immutable")
    folders = [path for path in [filled.home / ".mreg", *(filled.home / ".mreg").rglob("*")] if path.is_dir()]
    with unchanged(), contextlib.ExitStack() as stack:
        for folder in folders:
            if not _set_immutable(folder, on=True):
                pytest.skip("this file system knows no immutable folders")
            stack.callback(_set_immutable, folder, on=False)
        for line in WRITING:
            assert_refused(filled(*line.split()), 1, hint="owner")
        assert filled("resolve", "digits:best").code == 0


def _set_immutable(path: Path, *, on: bool) -> bool:
    get_flags, set_flags, immutable = 0x80086601, 0x40086602, 0x10
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flags = bytearray(ctypes.sizeof(ctypes.c_long))
        fcntl.ioctl(descriptor, get_flags, flags)
        (present,) = struct.unpack("l", flags)
        fcntl.ioctl(descriptor, set_flags, struct.pack("l", present | immutable if on else present & ~immutable))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_a_full_disk_changes_nothing_and_stops_no_reader(filled: Any, mounted: Any, unchanged: Unchanged) -> None:
    small = filled.home / "small"
    small.mkdir()
    mounted("-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", at=str(small))
    shutil.copytree(filled.home / ".mreg", small / ".mreg")
    (filled.home / "big.bin").write_bytes(os.urandom(4 << 20))

    def in_small(line: str) -> Any:
        return filled("--repo", str(small), *line.split())

    before = _digests(small / ".mreg")
    assert_refused(
        in_small("log big.bin -a digits --alias best --link Other"), 1, "the disk is full", hint="free some space"
    )
    assert _digests(small / ".mreg") == before, "what was begun is thrown away"

    with (small / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"\0" * 4096):
            pass
    for line in WRITING:
        assert_refused(in_small(line), 1, "the disk is full", hint="free some space")
    for line in READING:
        assert in_small(line).code == 0, line
    assert _digests(small / ".mreg") == before

    (small / "filler").unlink()
    assert in_small("alias set best digits:v1").code == 0
    assert in_small("fsck --full").code == 0


@pytest.mark.parametrize("free", range(0, 80, 4))
def test_a_disk_that_fills_up_at_any_moment_leaves_all_or_nothing(filled: Any, mounted: Any, free: int) -> None:
    small = filled.home / "small"
    small.mkdir()
    mounted("-t", "tmpfs", "-o", "size=400k,mode=755", "tmpfs", at=str(small))
    shutil.copytree(filled.home / ".mreg", small / ".mreg")
    filler = small / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - free * 1024))
    (filled.home / "more.bin").write_bytes(os.urandom(10_000))

    result = filled("--repo", str(small), "log", "more.bin", "-a", "digits", "--alias", "best", "--link", "Other")

    logged = filled("--repo", str(small), "resolve", "digits:v2").code == 0
    assert filled("--repo", str(small), "resolve", "digits:best").out == f"digits:v{2 if logged else 0}\n"
    assert (filled("--repo", str(small), "resolve", "Other").code == 0) == logged
    assert filled("--repo", str(small), "fsck", "--full").code == 0
    if not logged:
        assert_refused(result, 1, "the disk is full", hint="free some space")
    else:
        assert result.code == 0
    filler.unlink()
    again = filled("--repo", str(small), "log", "more.bin", "-a", "digits", "--alias", "best", "--link", "Other")
    assert again.out == "digits:v2\n"
    assert filled("--repo", str(small), "fsck", "--full").code == 0


@pytest.mark.parametrize("line", ["get digits -o small/out", "use digits"])
@pytest.mark.parametrize("fills", [False, True], ids=["full from the start", "fills meanwhile"])
def test_a_full_destination_leaves_no_half_folder(
    filled: Any, mounted: Any, line: str, fills: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (filled.home / "big.bin").write_bytes(os.urandom(3 << 20))
    filled.must("log", "big.bin", "one", "-a", "digits")
    small = filled.home / "small"
    small.mkdir()
    mounted("-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", at=str(small))
    if line.startswith("use"):
        monkeypatch.setenv("MREG_CACHE", str(small))

    if fills:  # others took the room after it was looked at
        monkeypatch.setattr("mreg.checkout.space.check_space", lambda *_: None)
        monkeypatch.setattr("mreg.checkout.get.check_space", lambda *_: None)

    result = filled(*line.split())

    assert_refused(result, 1, "the disk is full" if fills else "has room for", hint="free some space")
    assert [path for path in small.rglob("*") if path.name in ("out", "big.bin")] == []
    assert sum(path.stat().st_size for path in small.rglob("*") if path.is_file()) < 300_000


def _python() -> str:
    import sys

    return sys.executable


def _digests(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }
