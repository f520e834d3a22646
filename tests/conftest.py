"""What all tests share: nothing of the person's own settings or cache, the real models of the test data, the figures
that the tests add up to, a repository in memory, and folders to log."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # where `figures` and `mounts` are: test folders are no packages

import figures
import servers

from mreg.repository import Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage

TESTDATA = Path(__file__).parent.parent / ".testdata"

Count = Callable[[str, int], None]
Files = dict[str, bytes]

# How long an example takes, and how long it takes to draw one, depends on what else the machine does.
settings.register_profile("any load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any load")


def pytest_addoption(parser: pytest.Parser) -> None:
    figures.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    figures.install(config)
    # A shell that starts a job in the background lets it ignore Ctrl-C, and all that the tests start would too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Count:
    """Tell, at the end of a test, how much was tried in it and survived; `--figures FILE` adds it all up."""

    def count(figure: str, number: int) -> None:
        assert figure in figures.ROWS, f"{figure!r} has no row in the table"
        assert number > 0, f"nothing was tried: {figure}"
        request.node.user_properties.append((figures.PROPERTY, [figure, number]))

    return count


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_the_person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither the tests nor the programs that they start see or change anything outside their own folders."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MREG_") and name != "MREG_TESTDATA"]:
            patch.delenv(name)
        patch.setenv("MREG_CACHE", str(tmp_path_factory.mktemp("mreg-cache")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("mreg-config")))
        patch.delenv("SUDO_UID", raising=False)
        yield


@pytest.fixture(autouse=True)
def _no_settings_are_left(_no_settings_of_the_person: None) -> Iterator[None]:
    """A test that changes settings of the person sets a folder of its own: others would see them."""
    yield
    if os.path.lexists(path := os.path.join(os.environ["XDG_CONFIG_HOME"], "mreg")):
        shutil.rmtree(path)
        pytest.fail("settings of the person were changed where other tests see them")


@pytest.fixture(scope="session")
def testdata() -> Callable[[str], Path]:
    """The folder of an installed package of the test data, by the package's name.

    Where it is missing the test is skipped, but fails under `CI=true` and under `make test`
    (`MREG_TESTDATA=required`): there a skipped test would be a test that nobody misses.
    """

    def folder(package: str) -> Path:
        path = TESTDATA / package
        if not list(path.glob(".stamp-*")):
            reason = f"no test data {package}: run `make testdata-all`"
            if os.environ.get("CI") == "true" or os.environ.get("MREG_TESTDATA") == "required":
                pytest.fail(reason)
            pytest.skip(reason)
        return path

    return folder


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def repo(storage: MemoryStorage, tmp_path: Path) -> Iterator[Repository]:
    with Repository.init_storage(storage, "memory", cache=str(tmp_path / "cache"), author="ann") as repository:
        yield repository


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Callable[[Storage], Repository]]:
    """Open what lies in a storage as another process would: with nothing remembered."""
    opened: list[Repository] = []

    def reopen(storage: Storage) -> Repository:
        from mreg.session.context import Context

        cache = str(tmp_path / f"cache-{len(opened)}")
        opened.append(Repository(Context(storage, "memory", cache=cache, author="bob")))
        return opened[-1]

    yield reopen
    for repository in opened:
        repository.close()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    """Make a folder that holds these files (paths with `/`) and tell where."""
    count = 0

    def folder(files: Files) -> str:
        nonlocal count
        count += 1
        root = tmp_path / f"source-{count}"
        root.mkdir()
        for name, data in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return str(root)

    return folder


@pytest.fixture
def open_to_all(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test's folder, which other accounts may enter too: pytest keeps it to its owner."""
    base = tmp_path_factory.getbasetemp()
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to(base) or path.name.startswith("pytest-"):
            path.chmod(0o755)
        if not path.stat().st_mode & 0o001:
            pytest.skip(f"{path} cannot be entered by others")
    return tmp_path


@pytest.fixture
def copy_of() -> Callable[[MemoryStorage], MemoryStorage]:
    """Another store with the same content."""

    def copy_of(storage: MemoryStorage) -> MemoryStorage:
        copy = MemoryStorage()
        for key in storage.list(""):
            value = storage.get(key)
            assert value is not None
            copy.put(key, value.data)
        return copy

    return copy_of


@pytest.fixture
def content() -> Callable[[Storage], dict[str, bytes]]:
    """All that lies in a store."""

    def content(storage: Storage) -> dict[str, bytes]:
        found = {}
        for key in storage.list(""):
            value = storage.get(key)
            assert value is not None
            found[key] = value.data
        return found

    return content


@pytest.fixture
def tree() -> Callable[[str], dict[str, bytes]]:
    """All files below a folder."""

    def tree(root: str) -> dict[str, bytes]:
        found = {}
        for here, _, names in os.walk(root):
            for name in names:
                path = Path(here, name)
                found[path.relative_to(root).as_posix()] = path.read_bytes()
        return found

    return tree


@pytest.fixture
def age(storage: MemoryStorage) -> Callable[[float], None]:
    """Let time pass for all that lies in the storage."""

    def age(seconds: float) -> None:
        for entry in storage._entries.values():
            entry.mtime -= seconds

    return age


@pytest.fixture(scope="session")
def servers_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], servers.Server]]:
    """Start a server by its kind, once in this process; all are ended with it."""
    with ExitStack() as stack:

        @cache
        def start(kind: str) -> servers.Server:
            return stack.enter_context(servers.running(kind, tmp_path_factory.mktemp(kind)))

        yield start


@pytest.fixture(params=servers.KINDS)
def server(
    request: pytest.FixtureRequest,
    servers_running: Callable[[str], servers.Server],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> servers.Server:
    """An object store on loopback, each kind in turn (or the one that the test names by `indirect`), with what its
    clients need in the environment."""
    found = servers_running(request.param)
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    return found
