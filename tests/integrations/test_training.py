"""Checkpoints of a training, without a framework."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mreg.integrations.snapshot import COPIED, Overwritten, Snapshot
from mreg.integrations.training import Checkpoints, Goal, InvalidGoal, first_rank, numbers
from mreg.repository import Repository
from mreg.values.errors import InvalidInput, NotFound


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with Repository.init(tmp_path / "project") as repository:
        yield repository


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "out" / "ckpt"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"1")
    return folder


def saved(repository: Repository, checkpoint: Path, values: list[Any], best: str, **options: Any) -> None:
    """One checkpoint for each value of the metric `score`."""
    with Checkpoints("m", best=best, repository=repository, **options) as checkpoints:
        for step, value in enumerate(values):
            (checkpoint / "weights").unlink()
            (checkpoint / "weights").write_bytes(b"%d" % step)
            checkpoints.save(checkpoint, step=step, metrics={"score": value})


def aliases(repository: Repository) -> dict[str, int]:
    return {alias.alias: alias.number for alias in repository.aliases("m")}


@pytest.mark.parametrize("background", [True, False])
def test_each_checkpoint_is_a_version_that_tells_step_and_metrics(
    repository: Repository, checkpoint: Path, background: bool
) -> None:
    saved(repository, checkpoint, [0.5, 0.9, 0.7], "max:score", background=background, run="r", metadata={"lr": 1})

    found = repository.versions("m")
    assert [version.metadata for version in found] == [
        {"lr": 1, "step": step, "metrics": {"score": value}} for step, value in enumerate([0.5, 0.9, 0.7])
    ]
    assert {version.run for version in found} == {"r"}
    assert b"".join(repository.read("m:v1", "weights")) == b"1"
    assert sorted(os.listdir(checkpoint.parent)) == ["ckpt"]


@pytest.mark.parametrize(
    ("best", "values", "number"),
    [
        ("max:score", [0.5, 0.9, 0.7], 1),
        ("min:score", [0.5, 0.9, 0.7], 0),
        ("max:metrics.score", [0.5, 0.5], 0),
        ("min:score", [math.nan, 2.0, math.nan, 3.0], 1),
        ("max:score", [-math.inf, 0], 1),
    ],
)
def test_best_is_where_the_metric_is_best_and_last_is_last(
    repository: Repository, checkpoint: Path, best: str, values: list[float], number: int
) -> None:
    saved(repository, checkpoint, values, best)

    assert aliases(repository) == {"best": number, "last": len(values) - 1}


def test_aliases_move_in_the_change_that_makes_the_version(repository: Repository, checkpoint: Path) -> None:
    before = len(repository.history())

    saved(repository, checkpoint, [1, 2], "max:score", links=["models:candidate"])

    assert len(repository.history()) == before + 2
    assert repository.version("models:candidate").number == 1


def test_best_of_an_earlier_run_is_kept_where_nothing_is_better(repository: Repository, checkpoint: Path) -> None:
    saved(repository, checkpoint, [0.9], "max:score")

    saved(repository, checkpoint, [0.1, 0.2], "max:score")

    assert aliases(repository) == {"best": 0, "last": 2}


def test_no_version_is_best_where_all_is_nan_or_the_metric_is_missing(repository: Repository, checkpoint: Path) -> None:
    saved(repository, checkpoint, [math.nan, "high", None], "max:score")

    assert aliases(repository) == {"last": 2}


@pytest.mark.parametrize(
    ("best", "values", "expected"),
    [
        ("max:score", [1.0, math.inf], {"best": 0, "last": 1}),
        ("max:score", [math.inf, 1.0, 0.5], {"best": 1, "last": 2}),
        ("min:score", [1.0, -math.inf], {"best": 0, "last": 1}),
        ("min:score", [math.nan, math.inf], {"last": 1}),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_what_is_not_finite_is_never_best_and_warned_of_once(
    repository: Repository,
    checkpoint: Path,
    caplog: pytest.LogCaptureFixture,
    best: str,
    values: list[float],
    expected: dict[str, int],
    strict: bool,
) -> None:
    saved(repository, checkpoint, values, best, strict=strict)

    assert aliases(repository) == expected
    (message,) = caplog.messages
    assert re.fullmatch("m: a checkpoint whose score is (-?inf|nan) is never the best", message)


# What is told.


MISTAKES = {
    "mistyped": (
        {"acuracy": 0.5, "loss": 1},
        "m: a checkpoint without accuracy is never the best, and this one has acuracy, loss; did you mean acuracy?",
    ),
    "absent": ({"loss": 1}, "m: a checkpoint without accuracy is never the best, and this one has loss"),
    "text": ({"accuracy": 0.5, "grade": "A"}, "m: metrics are numbers, and others are left out: grade is 'A'"),
    "array": ({"accuracy": 0.5, "all": [1, 2]}, "m: metrics are numbers, and others are left out: all is [1, 2]"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_metrics_that_look_wrong_are_told_once_and_the_checkpoint_is_logged(
    repository: Repository, checkpoint: Path, caplog: pytest.LogCaptureFixture, mistake: str
) -> None:
    metrics, expected = MISTAKES[mistake]

    with Checkpoints("m", best="max:accuracy", repository=repository) as checkpoints:
        for _ in range(3):
            checkpoints.save(checkpoint, metrics=metrics)

    assert caplog.messages == [expected]
    assert len(repository.versions("m")) == 3


@pytest.mark.parametrize("mistake", MISTAKES)
def test_metrics_that_look_wrong_are_an_error_with_strict(
    repository: Repository, checkpoint: Path, mistake: str
) -> None:
    metrics, expected = MISTAKES[mistake]

    with (
        Checkpoints("m", best="max:accuracy", repository=repository, strict=True) as checkpoints,
        pytest.raises(ValueError, match=re.escape(expected)),
    ):
        checkpoints.save(checkpoint, metrics=metrics)

    assert os.listdir(checkpoint.parent) == ["ckpt"]


def test_a_metric_without_a_value_yet_is_no_mistake(
    repository: Repository, checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Checkpoints("m", best="max:accuracy", repository=repository, strict=True) as checkpoints:
        checkpoints.save(checkpoint)
        checkpoints.save(checkpoint, metrics={"accuracy": 1, "loss": None})

    assert (caplog.messages, aliases(repository)) == ([], {"best": 1, "last": 1})


def test_a_checkpoint_saved_after_close_is_told(
    repository: Repository, checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints("m", repository=repository)
    checkpoints.save(checkpoint)
    checkpoints.close()

    checkpoints.save(checkpoint)
    checkpoints.save_by(lambda folder: None)
    checkpoints.close()

    assert caplog.messages[0] == "m: a checkpoint was not logged: it was saved after close"
    assert (checkpoints.missed, len(repository.versions("m"))) == (2, 1)
    strict = Checkpoints("m", repository=repository, strict=True)
    strict.close()
    with pytest.raises(ValueError, match="saved after close"):
        strict.save(checkpoint)


@pytest.mark.parametrize(
    "options", [{"links": ["a b"]}, {"links": "Digits:v1"}, {"links": ["Digits:"]}, {"run": "a b"}]
)
def test_a_name_that_cannot_be_is_an_error_before_the_training(repository: Repository, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Checkpoints("m", repository=repository, **options)


def test_one_link_and_one_pattern_stand_for_themselves(repository: Repository, checkpoint: Path) -> None:
    (checkpoint / "optimizer.pt").write_bytes(b"2")

    with Checkpoints("m", repository=repository, links="models:candidate", exclude="*.pt") as checkpoints:
        checkpoints.save(checkpoint)

    assert [file.path for file in repository.files("models:candidate")] == ["weights"]


def test_a_rank_that_is_no_number_is_told_and_not_heeded(
    repository: Repository, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RANK", "x")

    with Checkpoints("m", repository=repository) as checkpoints:
        checkpoints.save(checkpoint)

    assert caplog.messages == ["m: RANK is 'x', which is not a rank, and is ignored"]
    assert len(repository.versions("m")) == 1
    with pytest.raises(ValueError, match="RANK is 'x'"):
        Checkpoints("m", repository=repository, strict=True)


def test_who_moves_best_meanwhile_is_heeded(
    repository: Repository, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else logs a better version after this one was found to be the best."""
    # given
    log, others = Repository.log, []

    def overtaken(self: Repository, *arguments: Any, **options: Any) -> Any:
        if not others:
            others.append(1)
            log(self, [checkpoint], "m", metadata={"metrics": {"score": 5}}, aliases=["best"], always=True)
        return log(self, *arguments, **options)

    monkeypatch.setattr(Repository, "log", overtaken)

    # when
    saved(repository, checkpoint, [3], "max:score")

    # then
    assert aliases(repository) == {"best": 0, "last": 1}


def test_source_may_be_deleted_as_soon_as_save_returns(
    repository: Repository, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    log, deleted = Repository.log, threading.Event()

    def late(self: Repository, *arguments: Any, **options: Any) -> Any:
        assert deleted.wait(60)
        return log(self, *arguments, **options)

    monkeypatch.setattr(Repository, "log", late)

    # when
    with Checkpoints("m", repository=repository) as checkpoints:
        checkpoints.save(checkpoint)
        (checkpoint / "weights").unlink()
        checkpoint.rmdir()
        deleted.set()

    # then
    assert b"".join(repository.read("m:last", "weights")) == b"1"
    assert os.listdir(checkpoint.parent) == []


def test_a_file_bears_the_name_that_is_asked_for(repository: Repository, checkpoint: Path) -> None:
    with Checkpoints("m", repository=repository) as checkpoints:
        checkpoints.save(checkpoint / "weights", name="checkpoint.ckpt")

    assert [file.path for file in repository.files("m:last")] == ["checkpoint.ckpt"]


class Failing:
    """A registry whose disk is full, until it is not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails, log = True, Repository.log

        def failing(repository: Repository, *arguments: Any, **options: Any) -> Any:
            if self.fails:
                raise OSError(28, "No space left on device")
            return log(repository, *arguments, **options)

        monkeypatch.setattr(Repository, "log", failing)


def test_registry_that_fails_stops_nothing_and_is_told_once(
    repository: Repository, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(monkeypatch)

    with Checkpoints("m", repository=repository) as checkpoints:
        checkpoints.save(checkpoint)
        checkpoints.save(checkpoint)
        checkpoints.flush()
        failing.fails = False
        checkpoints.save(checkpoint)

    assert caplog.messages == [
        "a checkpoint of m was not logged, and the training goes on: [Errno 28] No space left on device",
        "2 checkpoints of m were not logged",
    ]
    assert (checkpoints.missed, len(repository.versions("m"))) == (2, 1)
    assert os.listdir(checkpoint.parent) == ["ckpt"]


@pytest.mark.parametrize("background", [True, False])
def test_strict_raises_what_the_registry_raised(
    repository: Repository, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, background: bool
) -> None:
    Failing(monkeypatch)

    with (
        pytest.raises(OSError, match="No space left"),
        Checkpoints("m", repository=repository, strict=True, background=background) as checkpoints,
    ):
        checkpoints.save(checkpoint)
        checkpoints.save(checkpoint)

    assert os.listdir(checkpoint.parent) == ["ckpt"]


def test_source_that_is_missing_stops_nothing(repository: Repository, tmp_path: Path) -> None:
    with Checkpoints("m", repository=repository) as checkpoints:
        checkpoints.save(tmp_path / "nowhere" / "ckpt")

    assert checkpoints.missed == 1


@pytest.mark.parametrize(
    ("environment", "logs"),
    [
        ({}, True),
        ({"RANK": "0"}, True),
        ({"RANK": "1"}, False),
        ({"SLURM_PROCID": "3"}, False),
        ({"RANK": "-1"}, True),
        ({"RANK": "x", "SLURM_PROCID": "3"}, False),
        ({"RANK": "", "SLURM_PROCID": "0"}, True),
    ],
)
def test_only_the_first_rank_logs(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], logs: bool
) -> None:
    # given
    for name in ("RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Repository.init(tmp_path).close()

    # when
    with Checkpoints("m", repository=tmp_path) as checkpoints:
        checkpoints.save(checkpoint)
        checkpoints.save_by(lambda folder: Path(folder, "more").write_bytes(b""))

    # then
    assert first_rank() == logs
    with Repository.open(tmp_path) as repository:
        assert [artifact.versions for artifact in repository.artifacts()] == [2] * logs


def test_other_ranks_need_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")

    Checkpoints("m", repository=tmp_path / "nowhere").close()


@pytest.mark.parametrize("text", ["accuracy", "max", "max:", "most:accuracy", ":accuracy", ""])
def test_direction_of_the_metric_must_be_said(text: str) -> None:
    with pytest.raises(InvalidGoal):
        Goal.parse(text)


@pytest.mark.parametrize(("metric", "number"), [("accuracy", 1), ("metrics.accuracy", 1), ("val_loss", 0)])
def test_the_setting_says_the_direction_of_a_metric_alone(
    repository: Repository, checkpoint: Path, metric: str, number: int
) -> None:
    repository.set_setting("metrics.direction", "max:*accuracy min:*loss")

    with Checkpoints("m", best=metric, repository=repository) as checkpoints:
        for value in (1, 3, 2):
            checkpoints.save(checkpoint, metrics={metric.removeprefix("metrics."): value})

    assert aliases(repository) == {"best": number, "last": 2}


def test_a_metric_alone_needs_the_setting_where_the_process_logs(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidGoal):
        Checkpoints("m", best="accuracy", repository=repository)
    monkeypatch.setenv("RANK", "1")
    Checkpoints("m", best="accuracy", repository=repository).close()


def test_what_is_wrong_before_the_training_is_raised(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Checkpoints("m", repository=tmp_path)
    with pytest.raises(InvalidInput):
        Checkpoints("not a name", repository=tmp_path)


def test_metrics_are_numbers_and_arrays_of_one_element() -> None:
    import numpy as np

    found = numbers(
        {"a": np.float32(0.5), "b": np.array([2.0]), "c": np.zeros(2), "d": "x", "e": True, "f": 3, "g": None}
    )

    assert found == {"a": 0.5, "b": 2.0, "f": 3}
    assert isinstance(found["f"], int)


def test_snapshot_of_a_process_that_died_is_deleted_by_the_next_one(checkpoint: Path) -> None:
    # given
    code = f"import os; from mreg.integrations.snapshot import Snapshot; Snapshot({str(checkpoint)!r}); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(os.listdir(checkpoint.parent)) == 2

    # when
    made = Snapshot(str(checkpoint)).folder

    # then
    assert sorted(os.listdir(checkpoint.parent)) == sorted(["ckpt", os.path.basename(made)])


def test_snapshot_copies_where_files_cannot_be_linked(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    (checkpoint / "long").write_bytes(bytes(COPIED + 1))

    made = Snapshot(str(checkpoint))
    (checkpoint / "long").write_bytes(b"")

    made.check()
    assert Path(made.folder, "weights").read_bytes() == b"1"
    assert Path(made.folder, "long").read_bytes() == bytes(COPIED + 1)


def test_a_short_file_may_be_written_to_as_soon_as_save_returns(repository: Repository, checkpoint: Path) -> None:
    with Checkpoints("m", repository=repository, strict=True) as checkpoints, held(checkpoints):
        checkpoints.save(checkpoint)
        (checkpoint / "weights").write_bytes(b"2")

    assert b"".join(repository.read("m:v0", "weights")) == b"1"


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("when", ["before it is logged", "while it is logged"])
def test_a_long_file_that_is_written_to_before_it_is_logged_is_noticed(
    repository: Repository,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    when: str,
    strict: bool,
) -> None:
    (checkpoint / "weights").write_bytes(bytes(COPIED + 1))
    log = repository.log

    def overwrite() -> None:
        os.utime(checkpoint / "weights", ns=(1, 1))  # as the next checkpoint's bytes would
        with open(checkpoint / "weights", "r+b") as file:
            file.write(b"2")

    def logged(*arguments: Any, **options: Any) -> Any:
        overwrite()
        return log(*arguments, **options)

    if when == "while it is logged":
        monkeypatch.setattr(repository, "log", logged)
    checkpoints = Checkpoints("m", repository=repository, strict=strict)
    with held(checkpoints):
        checkpoints.save(checkpoint)
        if when == "before it is logged":
            overwrite()
    if strict:
        with pytest.raises(Overwritten, match="weights"):
            checkpoints.close()
    else:
        checkpoints.close()
        assert "weights' was overwritten while it was being logged" in caplog.text
    assert not repository.artifacts()
    assert not list(checkpoint.parent.glob(".mreg-snapshot-*"))


def test_a_long_file_that_is_replaced_as_soon_as_save_returns_is_logged_as_it_was(
    repository: Repository, checkpoint: Path
) -> None:
    (checkpoint / "weights").write_bytes(bytes(COPIED + 1))
    with Checkpoints("m", repository=repository, strict=True) as checkpoints, held(checkpoints):
        checkpoints.save(checkpoint)
        (checkpoint / "weights").unlink()
        (checkpoint / "weights").write_bytes(b"2")

    assert b"".join(repository.read("m:v0", "weights")) == bytes(COPIED + 1)


@contextmanager
def held(checkpoints: Checkpoints) -> Iterator[None]:
    """Its thread does nothing until the end."""
    assert checkpoints._thread
    free = threading.Event()
    checkpoints._thread.submit(free.wait)
    yield
    free.set()


def test_importing_mreg_loads_no_framework() -> None:
    code = """
        import sys, mreg, mreg.integrations.training
        print(*{"torch", "keras", "lightning", "transformers", "xgboost", "joblib"} & set(sys.modules))
    """

    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == ""
