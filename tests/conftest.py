"""What all tests share: nothing of the person's own settings or cache, and the real models of the test data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TESTDATA = Path(__file__).parent.parent / ".testdata"


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
