"""What a version was made from, and what was made from it, however far away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mreg.content.objects import key_of
from mreg.repository import Repository
from mreg.values.lineage import Lineage
from mreg.values.records import DataSource

Log = Callable[..., Any]


def names(found: Lineage) -> set[str]:
    return {node.name for node in found.nodes}


def steps(found: Lineage) -> set[tuple[str, str]]:
    """By names, from input to result."""
    called = {node.digest: node.name for node in found.nodes}
    return {(called[step.input], called[step.result]) for step in found.steps}


@pytest.fixture
def family(repo: Repository, log: Log) -> Repository:
    """base -> tuned -> small, base -> small, small -> quantised; and other, of which nothing is made."""
    log("base", "1", sources=[DataSource("uri", "s3://data")], captured={"git": {"commit": "abc", "dirty": True}})
    log("tuned", "2", inputs=["base:v0"], run="r1", links=["prod:best"])
    log("small", "3", inputs=["tuned:v0", "base:v0"])
    log("quantised", "4", inputs=["small:v0"])
    log("other", "5")
    return repo


def test_a_lineage_goes_up_and_down(family: Repository) -> None:
    found = family.lineage("tuned")

    assert names(found) == {"base:v0", "tuned:v0", "small:v0", "quantised:v0"}
    assert steps(found) == {("base:v0", "tuned:v0"), ("tuned:v0", "small:v0"), ("small:v0", "quantised:v0")}
    assert found.nodes[0].name == "tuned:v0"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"up": False}, {"small:v0", "quantised:v0"}),
        ({"down": False}, {"tuned:v0", "base:v0", "small:v0"}),
        ({"depth": 1}, {"small:v0", "tuned:v0", "base:v0", "quantised:v0"}),
        ({"depth": 0}, {"small:v0"}),
    ],
)
def test_one_direction_and_a_number_of_steps_may_be_asked_for(
    options: dict[str, Any], wanted: set[str], family: Repository
) -> None:
    assert names(family.lineage("small", **options)) == wanted


def test_a_node_tells_where_a_version_comes_from_and_who_has_it(family: Repository) -> None:
    family.use("tuned", run="eval-1")
    nodes = {node.name: node for node in family.lineage("tuned").nodes}

    base, tuned = nodes["base:v0"], nodes["tuned:v0"]
    assert (base.commit, base.dirty, base.sources) == ("abc", True, (DataSource("uri", "s3://data"),))
    assert (tuned.run, tuned.links, tuned.aliases) == ("r1", ("prod:v0",), ("prod:best",))
    assert [one.run for one in tuned.consumers] == ["eval-1"]


def test_a_renamed_input_is_told_by_the_name_that_it_has_now(family: Repository) -> None:
    family.rename_artifact("base", "ground")

    assert steps(family.lineage("tuned", down=False)) == {("ground:v0", "tuned:v0")}


def test_a_deleted_input_is_told_with_its_own_as_long_as_its_record_is_there(family: Repository) -> None:
    family.remove("tuned:v0", force=True)

    nodes = {node.name: node.state for node in family.lineage("small", down=False).nodes}

    assert nodes == {"small:v0": "live", "tuned:v0": "deleted", "base:v0": "live"}


def test_an_input_that_is_gone_is_told_as_unknown(family: Repository, storage: Any) -> None:
    digest = family.resolve("tuned:v0").digest
    family.remove("tuned:v0", force=True)
    storage.delete(key_of(digest))
    family._context.index._db.execute("DELETE FROM records WHERE digest = ?", (digest,))

    nodes = {node.name: node.state for node in family.lineage("small", down=False).nodes}

    assert nodes == {"small:v0": "live", "tuned:v0": "unknown", "base:v0": "live"}


def test_inputs_that_were_added_later_count(family: Repository) -> None:
    family.annotate("other", inputs=["quantised:v0"])

    assert "other:v0" in names(family.lineage("base"))
    assert "base:v0" in names(family.lineage("other"))


def test_a_long_chain_is_followed_to_both_ends(repo: Repository, log: Log) -> None:
    log("net", "0")
    for number in range(1, 60):
        log("net", str(number), inputs=[f"net:v{number - 1}"])

    assert len(repo.lineage("net:v30").nodes) == 60
    assert len(repo.lineage("net:v0", depth=20).nodes) == 21
