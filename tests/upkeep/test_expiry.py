"""Retention of single artifacts and versions: settings of an artifact, and expiries that were logged."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg import InvalidInput, Repository
from mreg.operations.expiry import DamagedPolicy, InvalidTtl
from mreg.operations.policies import NotOfAnArtifact
from mreg.refs.keys import ArtifactKey, PropertyKey, VersionKey
from mreg.session.config import InvalidSetting, UnknownSetting
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import NotFound
from mreg.values.filters.errors import UnknownKey
from mreg.values.formats import NeedsFormat
from mreg.values.properties import InvalidProperty

DAY = 86400.0


@pytest.fixture
def log(repo: Repository, folder: Callable[..., str]) -> Callable[..., Any]:
    """Log so many versions, each of other bytes."""
    chance = random.Random(7)

    def log(artifact: str, count: int = 1, **options: Any) -> list[str]:
        at = [folder({"weights": chance.randbytes(100)}) for _ in range(count)]
        return [repo.log(path, artifact, **options).version.name for path in at]

    return log


def expired(repo: Repository, **rules: Any) -> dict[str, str]:
    """What would expire, and then does, each with the reason."""
    told = repo.gc(dry_run=True, **rules)
    assert repo.gc(**rules)._replace(seq=None, changes=()) == told, "a dry run is exact"
    assert tuple(told.reasons) == told.expired
    return told.reasons


# Settings of an artifact.


def test_settings_of_an_artifact_count_for_it_alone(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 4)
    log("letters", 4)
    repo.set_setting("gc.keep-last", "2", artifact="mnist")

    assert expired(repo) == {"mnist:v0": "artifact", "mnist:v1": "artifact"}


def test_settings_of_an_artifact_take_precedence_over_options_and_settings(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("mnist", 4)
    log("letters", 3)
    repo.set_setting("gc.keep-last", "1")
    repo.set_setting("gc.keep-last", "3", artifact="mnist")

    assert expired(repo, keep_last=2) == {"letters:v0": "repository", "mnist:v0": "artifact"}


def test_an_artifact_may_keep_everything(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 4)
    repo.set_setting("gc.keep-last", "0", artifact="mnist")

    assert expired(repo, keep_last=1) == {}


def test_what_an_artifact_does_not_say_is_as_in_the_repository(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", 2)
    age(10 * DAY)
    log("mnist", 2)
    repo.set_setting("gc.older-than", "5d")
    repo.set_setting("gc.keep-last", "1", artifact="mnist")

    assert expired(repo) == {"mnist:v0": "artifact", "mnist:v1": "artifact"}


def test_inherit_gives_the_setting_back(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 3)
    repo.set_setting("gc.keep-last", "1", artifact="mnist")

    value = repo.set_setting("gc.keep-last", "inherit", artifact="mnist")

    assert (value, repo.artifact_settings("mnist"), expired(repo)) == (0, {}, {})


def test_rules_of_quality_may_be_an_artifacts_own(repo: Repository, log: Callable[..., Any]) -> None:
    for accuracy in (0.9, 0.5, 0.7, 0.1):
        log("mnist", metadata={"metrics": {"acc": accuracy}})
        log("letters", metadata={"metrics": {"loss": accuracy}})
    repo.set_setting("gc.keep-best", "max:metrics.acc:1", artifact="mnist")
    repo.set_setting("gc.keep-where", "metrics.loss = 0.5", artifact="letters")

    assert list(expired(repo, keep_last=1)) == ["letters:v0", "letters:v2", "mnist:v1", "mnist:v2"]


def test_a_key_that_no_version_of_the_artifact_has_lets_nothing_expire(
    repo: Repository, log: Callable[..., Any]
) -> None:
    log("letters", 3, metadata={"metrics": {"acc": 1}})
    log("mnist", 3)
    repo.set_setting("gc.keep-best", "max:metrics.acc:1", artifact="mnist")

    with pytest.raises(UnknownKey):
        repo.gc(keep_last=1)

    assert len(repo.versions("letters")) == len(repo.versions("mnist")) == 3


def test_the_direction_may_be_that_of_the_repository(repo: Repository, log: Callable[..., Any]) -> None:
    for loss in (0.9, 0.1, 0.5):
        log("mnist", metadata={"metrics": {"loss": loss}})
    repo.set_setting("metrics.direction", "min:*loss")
    repo.set_property("mnist", "mreg.gc.keep-best", ["min:metrics.loss:1"])

    assert expired(repo, keep_last=1) == {"mnist:v0": "artifact"}


def test_settings_of_an_artifact_are_one_entry_that_can_be_undone(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 3)
    repo.set_setting("gc.keep-last", "1", artifact="mnist")
    entry = repo.history()[-1]

    repo.undo(entry.seq)

    assert entry.command == "config set gc.keep-last 1 --artifact mnist"
    assert (repo.artifact_settings("mnist"), expired(repo)) == ({}, {})


def test_settings_of_an_artifact_follow_its_name(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 3)
    repo.set_setting("gc.keep-last", "1", artifact="mnist")

    repo.rename_artifact("mnist", "digits")

    assert list(expired(repo)) == ["digits:v0", "digits:v1"]


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("gc.keep-last", "many", InvalidSetting),
        ("gc.keep-best", "metrics.acc", InvalidSetting),
        ("gc.keep-where", "metrics.acc >", InvalidInput),
        ("gc.grace", "1d", NotOfAnArtifact),
        ("gc.keep-lst", "1", UnknownSetting),
    ],
)
def test_what_cannot_be_followed_is_refused(
    repo: Repository, log: Callable[..., Any], name: str, text: str, error: type[Exception]
) -> None:
    log("mnist")

    with pytest.raises(error):
        repo.set_setting(name, text, artifact="mnist")

    assert repo.artifact_settings("mnist") == {}


def test_an_artifact_that_is_not_there_has_no_settings(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist")

    with pytest.raises(NotFound, match="mnst"):
        repo.set_setting("gc.keep-last", "1", artifact="mnst")
    with pytest.raises(NotFound, match="mnst"):
        repo.artifact_settings("mnst")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mreg.gc.keep-last", "three"),
        ("mreg.gc.keep-last", True),
        ("mreg.gc.keep-last", math.nan),
        ("mreg.gc.keep-best", ["metrics.acc"]),
        ("mreg.gc.older-than", "soon"),
        ("mreg.gc.keep-tagged", "reviewed"),
        ("mreg.gc.grace", "1d"),
    ],
)
def test_properties_that_cannot_be_followed_let_nothing_expire(
    repo: Repository, log: Callable[..., Any], written: Callable[..., None], key: str, value: Any
) -> None:
    """Other hands, or a later release, wrote them."""
    log("mnist", 3)
    log("letters", 3)

    with pytest.raises(InvalidProperty):
        repo.set_property("mnist", key, value)
    written(PropertyKey(ArtifactKey("mnist"), key), value)
    with pytest.raises(DamagedPolicy, match="mnist"):
        repo.gc(keep_last=1)

    assert len(repo.versions("mnist")) == len(repo.versions("letters")) == 3


@pytest.fixture
def written(repo: Repository) -> Callable[..., None]:
    """Write a property as nothing checks it."""
    from mreg.values import metadata, properties

    def write(key: PropertyKey, value: Any) -> None:
        text = properties.encode(key.name, metadata.normalise_value(value, key.name))
        repo._context.commit("by other hands", lambda draft: draft.set(key, text))

    return write


# Expiries of single versions.


def test_a_version_expires_when_its_time_is_over_and_not_before(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", ttl=30 * DAY)
    log("mnist", 2)
    age(29 * DAY)
    before = repo.gc().expired
    age(2 * DAY)

    assert before == ()
    assert expired(repo) == {"mnist:v0": "ttl"}


def test_the_latest_version_expires_too(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", ttl=DAY)
    age(2 * DAY)

    assert expired(repo, keep_last=5) == {"mnist:v0": "ttl"}


def test_aliases_links_and_keep_rules_hold_a_version_whose_time_is_over(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", ttl=DAY, aliases=["best"])
    log("mnist", ttl=DAY, links=["digits"])
    log("mnist", ttl=DAY, metadata={"metrics": {"acc": 0.9}})
    log("mnist", ttl=DAY, metadata={"metrics": {"acc": 0.1}})
    age(2 * DAY)

    assert expired(repo, keep_best="max:metrics.acc:1") == {"mnist:v3": "ttl"}


def test_the_policy_counts_beside_the_expiry(repo: Repository, log: Callable[..., Any]) -> None:
    log("mnist", 3, ttl=30 * DAY)

    assert expired(repo, keep_last=1) == {"mnist:v0": "repository", "mnist:v1": "repository"}


def test_what_is_brought_back_has_its_whole_time_before_it(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", ttl=10 * DAY)
    age(11 * DAY)
    seq = repo.gc().seq
    assert seq is not None

    repo.undo(seq)
    age(9 * DAY)
    young = repo.gc().expired
    age(2 * DAY)

    assert (young, repo.gc().expired) == ((), ("mnist:v0",))


def test_equal_content_without_an_expiry_stays(
    repo: Repository, folder: Callable[..., str], age: Callable[[float], None]
) -> None:
    """Whoever logs what another one has logged for a day must not lose it."""
    path = folder({"w": b"1"})
    repo.log(path, "mnist", ttl=DAY)

    again = repo.log(path, "mnist")
    age(2 * DAY)

    assert (again.created, again.expires, again.seq is not None) == (False, None, True)
    assert repo.gc().expired == ()


def test_equal_content_that_is_to_stay_gets_no_expiry(
    repo: Repository, folder: Callable[..., str], age: Callable[[float], None]
) -> None:
    path = folder({"w": b"1"})
    repo.log(path, "mnist")

    again = repo.log(path, "mnist", ttl=DAY)
    age(2 * DAY)

    assert (again.created, again.expires, again.seq) == (False, None, None)
    assert repo.gc().expired == ()


@pytest.mark.parametrize(("first", "second", "lasts"), [(10, 10, 10), (10, 20, 20), (20, 5, 11), (20, 12, 12)], ids=str)
def test_of_two_expiries_of_equal_content_the_later_counts(
    repo: Repository,
    folder: Callable[..., str],
    age: Callable[[float], None],
    first: float,
    second: float,
    lasts: float,
) -> None:
    """The second one is given 9 days after the first. lasts: so many days from then."""
    path = folder({"w": b"1"})
    repo.log(path, "mnist", ttl=first * DAY)
    age(9 * DAY)
    repo.log(path, "mnist", ttl=second * DAY)

    age((lasts - 0.5) * DAY)
    young = repo.gc().expired
    age(DAY)

    assert (young, repo.gc().expired) == ((), ("mnist:v0",))


def test_an_expiry_is_set_changed_and_taken_away_afterwards(
    repo: Repository, log: Callable[..., Any], age: Callable[[float], None]
) -> None:
    log("mnist", 3)
    for name in ("mnist:v0", "mnist:v1"):
        repo.annotate(name, ttl=DAY)
    repo.annotate("mnist:v1", ttl=0)
    age(2 * DAY)

    assert repo.surroundings("mnist:v1").expires is None
    assert expired(repo) == {"mnist:v0": "ttl"}


def test_the_time_is_told(repo: Repository, folder: Callable[..., str]) -> None:
    done = repo.log(folder({"w": b"1"}), "mnist", ttl=DAY)

    assert done.expires is not None
    assert done.expires == repo.surroundings("mnist:v0").expires
    assert 0 <= (done.expires - done.version.created).total_seconds() - DAY < 60
    assert repo.properties("mnist:v0") == {"mreg.ttl": 86400}


@pytest.mark.parametrize("ttl", [-1, math.nan, math.inf, 1e13, "1d", True])
def test_what_is_no_time_is_refused(repo: Repository, folder: Callable[..., str], ttl: Any) -> None:
    with pytest.raises(InvalidTtl):
        repo.log(folder({"w": b"1"}), "mnist", ttl=ttl)

    assert repo.history() == []


@pytest.mark.parametrize("value", ["1d", -1, 0, math.nan, [1]])
def test_an_expiry_that_is_not_understood_lets_nothing_expire(
    repo: Repository, log: Callable[..., Any], written: Callable[..., None], value: Any
) -> None:
    log("mnist", 3)
    written(PropertyKey(VersionKey("mnist", 1), "mreg.ttl"), value)

    with pytest.raises(DamagedPolicy, match="mnist:v1"):
        repo.gc(keep_last=1)

    assert len(repo.versions("mnist")) == 3
    assert repo.surroundings("mnist:v1").expires is None, "the rest goes on"
    assert repo.log({"w": b"1"}, "mnist").created


def test_logging_the_content_again_takes_an_expiry_that_is_not_understood_away(
    repo: Repository, folder: Callable[..., str], written: Callable[..., None]
) -> None:
    path = folder({"w": b"1"})
    repo.log(path, "mnist")
    written(PropertyKey(VersionKey("mnist", 0), "mreg.ttl"), "soon")

    again = repo.log(path, "mnist")

    assert (again.created, again.expires, repo.properties("mnist:v0")) == (False, None, {})


def test_format_1_has_neither(folder: Callable[..., str], tmp_path: Path) -> None:
    old = Repository.init_storage(MemoryStorage(), "memory", cache=str(tmp_path / "cache"), format=1)
    old.log(folder({"w": b"1"}), "mnist")

    with pytest.raises(NeedsFormat):
        old.log(folder({"w": b"2"}), "mnist", ttl=DAY)
    with pytest.raises(NeedsFormat):
        old.set_setting("gc.keep-last", "1", artifact="mnist")

    assert len(old.versions("mnist")) == 1
