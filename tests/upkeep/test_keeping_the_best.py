"""Retention by quality: the best versions stay, what cannot be judged stays, and the rules keep only."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mreg import Filter, InvalidInput, Repository
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.upkeep.quality import Best, InvalidBest, parse_best
from mreg.values.errors import Damaged
from mreg.values.filters.errors import UnknownKey

ACCURACIES = [0.5, 0.9, 0.7, 0.95, 0.6, 0.1]


@pytest.fixture
def log(repo: Repository, folder: Callable[..., str]) -> Callable[..., None]:
    """Log a version for each of these accuracies; None: without one."""
    chance = random.Random(7)

    def log(artifact: str, accuracies: Sequence[Any], **more: Any) -> None:
        for one in accuracies:
            said = {**more, **({} if one is None else {"metrics": {"acc": one}})}
            repo.log(folder({"weights": chance.randbytes(300)}), artifact, metadata=said)

    return log


def expired(repo: Repository, **rules: Any) -> list[str]:
    """What would expire beside the latest, and then does."""
    told = repo.gc(dry_run=True, **{"keep_last": 1, **rules}).expired
    assert repo.gc(**{"keep_last": 1, **rules}).expired == told, "a dry run is exact"
    return [name.partition(":")[2] for name in told]


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        ("max:metrics.acc:3", ["v0", "v4"]),
        ("min:metrics.acc:2", ["v1", "v2", "v3", "v4"]),
        ("max:metrics.acc:1", ["v0", "v1", "v2", "v4"]),
        ("max:metrics.acc:99", []),
    ],
)
def test_the_best_stay(repo: Repository, log: Callable[..., None], rule: str, gone: list[str]) -> None:
    log("mnist", ACCURACIES)

    assert expired(repo, keep_best=rule) == gone


def test_the_best_of_each_artifact_stay(repo: Repository, log: Callable[..., None]) -> None:
    log("a", [0.9, 0.8, 0.1, 0.0])
    log("b", [0.1, 0.2, 0.0])

    swept = repo.gc(keep_last=1, keep_best="max:metrics.acc:1", dry_run=True)

    assert swept.expired == ("a:v1", "a:v2", "b:v0")


def test_of_equal_ones_the_newest_stays(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", [0.9, 0.9, 0.9, 0.1])

    assert expired(repo, keep_best="max:metrics.acc:1") == ["v0", "v1"]


def test_what_cannot_be_ranked_stays(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", [0.9, None, math.nan, "good", True, 0.1, math.inf, 0.2])

    assert expired(repo, keep_best="max:metrics.acc:1") == ["v0", "v5"]


def test_what_a_filter_matches_stays(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", ACCURACIES)

    assert expired(repo, keep_where="metrics.acc > 0.6 and artifact = 'mnist'") == ["v0", "v4"]


def test_what_a_filter_cannot_judge_stays(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", [0.9, None, math.nan, 0.1, 0.2])

    assert expired(repo, keep_where="metrics.acc > 0.5") == ["v3"]


def test_a_filter_may_say_what_to_do_without_the_key(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", [0.9, None, 0.1, 0.2])

    assert expired(repo, keep_where="has metrics.acc and metrics.acc > 0.5") == ["v1", "v2"]


def test_what_one_rule_keeps_stays(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", ACCURACIES)

    rules = {"keep_best": ["max:metrics.acc:1", "min:metrics.acc:1"], "keep_where": [Filter("number = 0")]}

    assert expired(repo, **rules) == ["v1", "v2", "v4"]


def test_annotations_count_and_not_what_was_logged(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", ACCURACIES)
    repo.annotate("mnist:v0", metadata={"metrics": {"acc": 0.99}})

    assert expired(repo, keep_best="max:metrics.acc:1") == ["v1", "v2", "v3", "v4"]


def test_alone_the_rules_let_nothing_expire(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", ACCURACIES)

    assert expired(repo, keep_last=0, keep_best="max:metrics.acc:1") == []
    assert len(repo.history()) == 6


@pytest.mark.parametrize(
    "rules", [{"keep_best": "max:metrics.ac:1"}, {"keep_where": "metrics.ac > 1"}, {"keep_where": "not metrics.ac = 1"}]
)
def test_a_key_that_no_version_has_is_an_error_and_nothing_expires(
    repo: Repository, log: Callable[..., None], rules: dict[str, str]
) -> None:
    log("mnist", ACCURACIES)

    with pytest.raises(UnknownKey) as raised:
        repo.gc(keep_last=1, **rules)  # type: ignore[arg-type]

    assert raised.value.near == ["metrics.acc"]
    assert len(repo.versions("mnist")) == 6


def test_a_record_that_cannot_be_read_lets_nothing_expire(
    storage: MemoryStorage, repo: Repository, log: Callable[..., None], reopen: Callable[[Storage], Repository]
) -> None:
    log("mnist", ACCURACIES)
    digest = repo.resolve("mnist:v1").digest
    key = next(one for one in storage.list("objects") if one.replace("/", "").startswith(f"objects{digest}"))
    storage.delete(key)

    with pytest.raises(Damaged):
        reopen(storage).gc(keep_last=1, keep_best="max:metrics.acc:5")

    assert reopen(storage).artifact("mnist").versions == 6


def test_the_tables_are_not_believed(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", ACCURACIES)
    repo.search(where="metrics.acc > 0")
    index = repo._context.index
    index._db.execute("UPDATE facts SET value = 1.0 WHERE value = 0.5")

    assert "v0" in expired(repo, keep_best="max:metrics.acc:1")


def test_the_command_in_the_history_has_the_rules(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", ACCURACIES)

    repo.gc(keep_last=1, keep_best="max:metrics.acc:1", keep_where="metrics.acc = 0.5")

    command = "gc --keep-last 1 --keep-best max:metrics.acc:1 --keep-where 'metrics.acc = 0.5'"
    assert repo.history()[-1].command == command


def test_settings_are_the_defaults_and_an_option_takes_their_place(repo: Repository, log: Callable[..., None]) -> None:
    log("mnist", ACCURACIES)
    repo.set_setting("gc.keep-last", "1")
    repo.set_setting("gc.keep-best", "max:metrics.acc:1")
    repo.set_setting("gc.keep-where", "metrics.acc = 0.5")

    assert repo.gc(dry_run=True).expired == ("mnist:v1", "mnist:v2", "mnist:v4")
    assert repo.gc(dry_run=True, keep_best=(), keep_where=()).expired == tuple(f"mnist:v{n}" for n in range(5))


@pytest.mark.parametrize(
    ("name", "text"),
    [("gc.keep-best", "metrics.acc:3"), ("gc.keep-best", "max:metrics.acc"), ("gc.keep-where", "metrics.acc >")],
)
def test_a_setting_that_says_nothing_is_refused(repo: Repository, name: str, text: str) -> None:
    with pytest.raises(InvalidInput):
        repo.set_setting(name, text)

    assert not repo.setting(name)


def test_a_rule_has_a_direction() -> None:
    assert parse_best("max:metrics.acc:3") == Best("max", "metrics.acc", 3)
    assert parse_best("metrics.val:loss:3", ["min:*loss"]) == Best("min", "metrics.val:loss", 3)
    for text in ("metrics.acc:3", "max:metrics.acc", "max:metrics.acc:0", "max::3", "max:a:-1", ""):
        with pytest.raises(InvalidBest):
            parse_best(text)
