"""Several steps are one change: one entry at the end of the block, or nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mreg.operations.aliases import AliasTaken
from mreg.operations.collections import Held
from mreg.operations.expect import AliasMoved
from mreg.refs import folds
from mreg.refs.transaction import InvalidMessage
from mreg.repository import Repository
from mreg.session.change import ChangeOver, NotAStep, Overtaken
from mreg.storage import Storage
from mreg.storage.memory import MemoryStorage
from mreg.values.errors import MregError, NotFound
from mreg.values.formats import NeedsFormat

Folder = Callable[..., str]
Log = Callable[..., Any]


def head(repo: Repository) -> int:
    return max((entry.seq for entry in repo.history()), default=0)


def test_steps_of_every_kind_are_one_entry_with_the_message(repo: Repository, folder: Folder) -> None:
    # when
    with repo.change("the nightly build") as change:
        change.create_artifact("mnist", description="digits")
        change.create_model("Digits", tags=["vision"])
        change.log(folder({"w": b"1"}), "mnist", aliases=["best"])
        change.log(folder({"w": b"2"}), "mnist")
        change.annotate("mnist:v1", metadata={"acc": 0.5})
        change.add_tags("mnist:v1", ["good"])
        change.set_property("mnist:v1", "ci.build", 4711)
        change.attach("mnist:v1", "report", folder({"r.txt": b"fine"}))
        change.link("mnist:v1", "Digits", aliases=["prod"])
        change.set_alias("best", "mnist:v1", expect="v0")
        change.set_card("Digits", "# Digits")
        change.describe("Digits", "all ten")

    # then
    (entry,) = repo.history()
    assert (entry.message, entry.seq) == ("the nightly build", 1)
    assert (change.result.seq, change.result.changes) == (
        1,
        tuple(one._replace(details=()) for one in entry.changes),
    )
    version = repo.version("Digits:prod")
    assert (version.number, version.aliases, version.tags, version.metadata) == (1, ("best",), ("good",), {"acc": 0.5})
    assert repo.properties("mnist:v1") == {"ci.build": 4711}
    assert b"".join(repo.read_attachment("mnist:v1", "report")) == b"fine"
    assert repo.fsck(full=True).findings == ()


def test_undo_takes_the_whole_back_and_brings_it_again(repo: Repository, folder: Folder, log: Log) -> None:
    # given
    log("mnist", "0", aliases=["best"])
    with repo.change() as change:
        change.log(folder({"w": b"1"}), "mnist", aliases=["best"])
        change.link("mnist:best", "Digits", aliases=["prod"])

    # when
    undone = repo.undo(2)

    # then
    assert repo.resolve("mnist:best").number == 0
    assert repo.models() == []
    repo.undo(undone.seq)
    assert repo.resolve("Digits:prod").number == 1
    assert repo.fsck(full=True).findings == ()


def test_an_exception_leaves_everything_as_it_was(repo: Repository, folder: Folder, log: Log) -> None:
    # given
    log("mnist", "0", aliases=["best"])
    before = repo.version("mnist:v0")

    # when
    with pytest.raises(KeyboardInterrupt), repo.change("never") as change:
        change.log(folder({"w": b"1"}), "mnist", aliases=["best"])
        change.remove("mnist:v0", force=True)
        raise KeyboardInterrupt

    # then
    assert head(repo) == 1
    assert repo.version("mnist:v0") == before
    assert not change.result
    assert change.resolve("mnist:latest").number == 0, "what was given up is not seen any more"
    assert repo.log(folder({"w": b"1"}), "mnist").version.number == 1


def test_a_step_that_is_refused_can_be_caught_and_the_others_stay(repo: Repository, log: Log) -> None:
    log("mnist", "0", aliases=["best"])

    with repo.change() as change:
        change.set_alias("good", "mnist:v0")
        with pytest.raises(Held):
            change.remove("mnist:v0")

    assert repo.version("mnist:v0").aliases == ("best", "good")


def test_a_change_of_nothing_is_no_entry(repo: Repository, folder: Folder, log: Log) -> None:
    log("mnist", "0", aliases=["best"])

    with repo.change("nothing") as change:
        assert not change.create_artifact("mnist")
        assert change.set_alias("best", "mnist:v0").seq is None

    assert head(repo) == 1
    assert not change.result


# What is read meanwhile.


def test_reading_sees_the_steps_so_far_and_nobody_else_does(
    repo: Repository, storage: Storage, folder: Folder, reopen: Callable[[Storage], Repository]
) -> None:
    other = reopen(storage)
    with repo.change() as change:
        # when
        step = change.log(folder({"w": b"1" * 100_000, "sub/x": b"2"}), "mnist", aliases=["best"])
        change.link("mnist:best", "Digits", aliases=["prod"])
        change.set_property("Digits:prod", "k", 1)

        # then
        assert (step.created, step.seq, step.version.aliases) == (True, None, ("best",))
        assert [one.ref for one in step.changes] == [
            "artifacts/mnist/artifact.toml",
            "artifacts/mnist/v0",
            "aliases/mnist/best",
        ]
        assert change.version("Digits:prod").model_aliases == ("Digits:prod",)
        assert b"".join(change.read("mnist:v0", "w")) == b"1" * 100_000
        assert change.read_range("mnist:v0", "sub/x") == b"2"
        assert [one.name for one in change.versions("mnist")] == ["mnist:v0"]
        assert [(one.name, one.versions, one.latest) for one in change.artifacts()] == [("mnist", 1, "v0")]
        assert [one.name for one in change.models()] == ["Digits"]
        assert [(one.name, one.alias) for one in change.aliases()] == [("Digits", "prod"), ("mnist", "best")]
        assert change.properties("Digits:v0") == {"k": 1}
        assert change.kind("Digits") == "model"
        for outside in (repo, other):
            assert outside.artifacts() == [] and outside.aliases() == []
            with pytest.raises(NotFound):
                outside.resolve("mnist:v0")


def test_later_steps_build_upon_files_of_earlier_ones(repo: Repository, folder: Folder) -> None:
    # when
    with repo.change() as change:
        first = change.log({"a": b"a" * 300_000, "b": b"b"}, "mnist")
        again = change.log({"a": b"a" * 300_000, "b": b"b"}, "mnist")
        onto = change.log({"b": b"c"}, "mnist", onto="mnist:v0")

    # then
    assert (first.created, again.created, onto.version.number) == (True, False, 1)
    assert onto.stored < first.stored + 200 and onto.new < 100_000
    assert b"".join(repo.read("mnist:v1", "a")) == b"a" * 300_000
    assert repo.read_range("mnist:v1", "b") == b"c"
    assert repo.fsck(full=True).findings == ()


def test_what_one_step_makes_and_a_later_one_deletes_keeps_its_number(repo: Repository, folder: Folder) -> None:
    # given
    with repo.change() as change:
        change.log(folder({"w": b"0"}), "mnist")
        change.log(folder({"w": b"1"}), "mnist")
        change.link("mnist:v0", "Digits")
        change.unlink("Digits:v0")
        change.remove("mnist:v1")
        assert change.log(folder({"w": b"2"}), "mnist").version.number == 2

    # then
    assert [one.number for one in repo.versions("mnist")] == [0, 2]
    assert repo.log(folder({"w": b"3"}), "mnist").version.number == 3
    assert repo.link("mnist:v0", "Digits").link.number == 1
    for seq in (3, 2, 1):
        repo.undo(seq)
    assert repo.fsck(full=True).findings == () and repo.artifacts() == []


# What others do meanwhile.


def test_a_collection_that_is_made_in_a_change_counts_from_its_first_number(repo: Repository, folder: Folder) -> None:
    # when
    with repo.change() as change:
        change.create_artifact("mnist", first=3)
        change.create_model("Digits", first=1)
        change.log(folder({"w": b"1"}), "mnist", links=["Digits"])

    # then
    assert [version.name for version in repo.versions("mnist")] == ["mnist:v3"]
    assert [link.name for link in repo.model("Digits").links] == ["Digits:v1"]
    assert repo.fsck().findings == ()


def test_unrelated_changes_of_others_do_not_matter(repo: Repository, folder: Folder, log: Log) -> None:
    # given
    log("mnist", "0")

    # when
    with repo.change() as change:
        change.log(folder({"w": b"1"}), "mnist")
        log("other", "0", links=["Else"])
        change.link("mnist:latest", "Digits")
        log("other", "1")

    # then
    assert head(repo) == 4
    assert repo.resolve("Digits:latest").name == "mnist:v1"
    assert repo.fsck(full=True).findings == ()


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(lambda repo: repo.log({"w": b"theirs"}, "mnist"), id="the number is taken"),
        pytest.param(lambda repo: repo.set_alias("best", "mnist:v0"), id="an alias moved"),
        pytest.param(lambda repo: repo.remove("mnist:v0", force=True), id="a version deleted"),
        pytest.param(lambda repo: repo.rename_artifact("mnist", "minst"), id="the artifact renamed"),
        pytest.param(lambda repo: repo.set_property("mnist", "k", "theirs"), id="a property set"),
        pytest.param(lambda repo: repo.create_artifact("DIGITS"), id="a name taken"),
    ],
)
def test_a_change_that_would_come_to_something_else_by_now_is_a_conflict(
    repo: Repository, folder: Folder, log: Log, meanwhile: Callable[[Repository], Any]
) -> None:
    # given
    log("mnist", "0")

    # when
    with pytest.raises(Overtaken), repo.change() as change:
        change.log(folder({"w": b"1"}), "mnist", aliases=["best"])
        change.set_property("mnist", "k", "mine")
        change.link("mnist:v0", "Digits")
        meanwhile(repo)

    # then
    assert head(repo) == 2
    assert not change.result
    assert repo.models() == []
    assert repo.fsck(full=True).findings == ()


def test_a_condition_is_looked_at_again_at_the_end(repo: Repository, log: Log) -> None:
    # given
    log("mnist", "0", aliases=["best"])
    log("mnist", "1")

    # when
    with pytest.raises(AliasMoved), repo.change() as change:
        change.set_alias("good", "mnist:v1")
        change.link("mnist:v1", "Digits", aliases=["prod"], expect="none")
        repo.link("mnist:v0", "Digits", aliases=["prod"])

    # then
    assert repo.resolve("Digits:prod").number == 0
    assert repo.version("mnist:v1").aliases == ()


def test_threads_take_steps_of_one_change(repo: Repository) -> None:
    # when
    with repo.change() as change:
        threads = [
            threading.Thread(target=lambda n=n: change.log({"w": b"%d" % n}, "mnist", metadata={"n": n}))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # then
    assert {one.metadata["n"] for one in repo.versions("mnist")} == set(range(8))
    assert head(repo) == 1


def test_writers_that_repeat_what_was_overtaken_lose_nothing(
    repo: Repository, storage: Storage, reopen: Callable[[Storage], Repository]
) -> None:
    """Each counts in a property and logs a version that says what it counted: both or none."""
    # given
    repos = [reopen(storage) for _ in range(4)]

    def work(repo: Repository) -> None:
        for _ in range(5):
            while True:
                with suppress(Overtaken), repo.change() as change:
                    change.create_artifact("mnist")
                    count = change.properties("mnist").get("count", 0) + 1
                    change.set_property("mnist", "count", count)
                    change.log({"w": b"%d" % count}, "mnist", metadata={"count": count})
                if change.result:
                    break

    # when
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, repos))

    # then
    assert [(one.number, one.metadata["count"]) for one in repos[0].versions("mnist")] == [
        (n, n + 1) for n in range(20)
    ]
    assert repos[0].fsck(full=True).findings == ()


def test_a_process_that_is_killed_in_the_middle_has_changed_nothing(tmp_path: Path) -> None:
    # given
    program = """
import os, sys, mreg
with mreg.Repository.open(sys.argv[1]) as repo, repo.change("never") as change:
    change.log({"w": b"1"}, "mnist", aliases=["best"])
    os.kill(os.getpid(), 9)
"""
    with Repository.init(tmp_path) as repo:
        # when
        done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)

        # then
        assert done.returncode == -9
        assert repo.history() == [] and repo.artifacts() == []
        assert repo.log({"w": b"1"}, "mnist").version.number == 0
        assert repo.fsck(full=True).findings == ()


# In one change, steps do what they do one by one.

NAMES, ALIASES, DATA = ("a", "b", "M", "N"), ("best", "last"), (b"0", b"1", b"2")
STEP = st.one_of(
    st.tuples(st.just("log"), st.sampled_from(NAMES[:2]), st.sampled_from(DATA), st.sampled_from(ALIASES)),
    st.tuples(st.just("create_model"), st.sampled_from(NAMES)),
    st.tuples(st.just("link"), st.sampled_from(["a:v0", "b:latest", "a:best", "b:v1"]), st.sampled_from(NAMES[1:])),
    st.tuples(st.just("unlink"), st.sampled_from(["M:v0", "N:v1", "M:latest"])),
    st.tuples(st.just("set_alias"), st.sampled_from(ALIASES), st.sampled_from(["a:v0", "b:latest", "M:v0", "M:last"])),
    st.tuples(st.just("remove_alias"), st.sampled_from(ALIASES), st.sampled_from(NAMES)),
    st.tuples(st.just("remove"), st.sampled_from(["a:v0", "a:v1", "b:v0", "a:v2"])),
    st.tuples(st.just("set_property"), st.sampled_from(["a", "M", "a:best", "M:v0"]), st.just("k"), st.integers(0, 2)),
    st.tuples(st.just("remove_property"), st.sampled_from(["a", "M", "a:best"]), st.just("k")),
    st.tuples(st.just("add_tags"), st.sampled_from(["M", "a:v0"]), st.sampled_from([["x"], ["y"]])),
    st.tuples(st.just("describe"), st.sampled_from(NAMES), st.sampled_from(["", "text"])),
    st.tuples(st.just("annotate"), st.sampled_from(["a:v0", "b:best"])),
)


def take(repo: Any, step: tuple[Any, ...]) -> str:
    """The code of the error that it raised; "" where it was done."""
    verb, *rest = step
    try:
        if verb == "log":
            repo.log({"w": rest[1]}, rest[0], aliases=[rest[2]])
        elif verb == "annotate":
            repo.annotate(rest[0], message="said", metadata={"n": 1})
        else:
            getattr(repo, verb)(*rest)
    except MregError as error:
        return error.code
    return ""


def seen(repo: Any) -> Any:
    """All that can be read and does not depend on times."""
    owners = [one.name for one in (*repo.artifacts(), *repo.models())]
    versions = [one for name in owners for one in repo.versions(name)]
    return {
        "artifacts": [one._replace(changed=None) for one in repo.artifacts()],
        "models": [
            (one.name, one.tags, one.aliases, one.description, [x.name for x in one.links]) for one in repo.models()
        ],
        "versions": [(v.name, v.manifest, v.aliases, v.links, v.tags, v.message, v.model_aliases) for v in versions],
        "properties": {name: repo.properties(name) for name in (*owners, *(one.name for one in versions))},
        "files": {v.name: b"".join(repo.read(v.name, "w")) for v in versions},
        "aliases": repo.aliases(),
    }


@given(before=st.lists(STEP, max_size=5), steps=st.lists(STEP, max_size=12))
@settings(max_examples=150)
def test_in_one_change_steps_do_what_they_do_one_by_one(before: list[Any], steps: list[Any]) -> None:
    # given
    one_by_one, at_once = (Repository.init_storage(MemoryStorage(), "memory") for _ in range(2))
    for step in before:
        assert take(one_by_one, step) == take(at_once, step)
    start, first = seen(at_once), head(at_once)

    # when
    with at_once.change() as change:
        for step in steps:
            assert take(one_by_one, step) == take(change, step)
            assert seen(change) == seen(one_by_one)
        assert seen(at_once) == start

    # then
    assert seen(at_once) == seen(one_by_one)
    assert head(at_once) == first + bool(change.result)
    assert at_once.fsck().findings == ()
    if change.result.seq:
        at_once.undo(change.result.seq)
        assert seen(at_once) == start and at_once.fsck().findings == ()


# What cannot be done.


@pytest.mark.parametrize(
    "step",
    [
        lambda change: change.rename_artifact("mnist", "other"),
        lambda change: change.remove_artifact("mnist", force=True),
        lambda change: change.roll_back_alias("best", "mnist"),
    ],
)
def test_what_must_be_an_entry_of_its_own_is_no_step(repo: Repository, log: Log, step: Callable[[Any], Any]) -> None:
    log("mnist", "0", aliases=["best"])

    with repo.change() as change, pytest.raises(NotAStep):
        step(change)

    assert head(repo) == 1


def test_after_its_end_a_change_takes_no_more_steps(repo: Repository, log: Log) -> None:
    log("mnist", "0")
    with repo.change() as change:
        change.set_alias("best", "mnist:v0")

    with pytest.raises(ChangeOver):
        change.set_alias("good", "mnist:v0")

    assert head(repo) == 2
    assert change.resolve("mnist:best").number == 0


def test_a_message_that_cannot_be_kept_is_refused_before_the_first_step() -> None:
    old = Repository.init_storage(MemoryStorage(), "memory", format=1)
    began = False

    with pytest.raises(NeedsFormat), old.change("why"):
        began = True
    with pytest.raises(InvalidMessage), old.change("\udcff"):
        began = True
    with old.change() as change:
        change.create_artifact("mnist")

    assert not began
    assert [entry.command for entry in old.history()] == ["change (artifact create mnist)"]


def test_the_reasons_of_steps_come_after_that_of_the_change(repo: Repository, log: Log) -> None:
    log("mnist", "0")

    with repo.change("all") as change:
        for alias in "abcdef":
            change.set_alias(alias, "mnist:v0", message="each")

    entry = repo.history()[-1]
    assert entry.message == "all\neach"
    assert entry.command == "change (alias set a mnist:v0; alias set b mnist:v0; alias set c mnist:v0; 3 more)"
    assert [one.seq for one in repo.history(action="change")] == [2]


def test_a_change_of_many_aliases_takes_as_much_for_each(
    repo: Repository, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is folded is counted: with every other alias, for each of them, 20,000 took minutes."""
    repo.log(folder({"w": b"1"}), "net")
    folded: list[str] = []
    monkeypatch.setattr(folds, "fold", lambda text: folded.append(text) or text.lower())

    with repo.change("many") as change:
        for number in range(200):
            change.set_alias(f"a{number}", "net:v0")

    assert len(repo.aliases("net")) == 200
    assert len(folded) <= 200 * 20


@pytest.mark.parametrize("first", ["set", "set and taken away"])
def test_two_steps_do_not_make_aliases_that_differ_only_in_case(
    first: str, repo: Repository, folder: Callable[..., str]
) -> None:
    repo.log(folder({"w": b"1"}), "net")

    with pytest.raises(AliasTaken, match="'Best'"), repo.change("both") as change:
        change.set_alias("Best", "net:v0")
        if first == "set and taken away":
            change.remove_alias("Best", "net")
        change.set_alias("best", "net:v0")

    assert repo.aliases("net") == []
