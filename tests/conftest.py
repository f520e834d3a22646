"""What all tests share: nothing of the person's own settings or cache, the real models of the test data, and the
figures that the tests add up to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where `figures` is: test folders are no packages

import figures

TESTDATA = Path(__file__).parent.parent / ".testdata"

Count = Callable[[str, int], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    figures.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    figures.install(config)


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
        yield


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
