"""What goes along with versions: aliases, links, tags, cards and annotations, and whose word counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.repository import Repository
from mreg.sync.faults import AliasElsewhere, AnnotationsDiffer, NameUnfit, UnknownTravelName

Files = Callable[[str], str]


@pytest.fixture
def ann(here: Repository, files: Files) -> Repository:
    """Three versions."""
    for text in ("one", "two", "three"):
        here.log(files(text), "m")
    return here


def cached(tmp_path: Path, name: str) -> Repository:
    return Repository.init(tmp_path / name, cache=str(tmp_path / "cache"))


def test_an_alias_travels_when_it_is_asked_for(ann: Repository, team: Repository) -> None:
    ann.set_alias("best", "m:v1")

    ann.push(team, "m:v1")
    assert team.aliases("m") == []

    ann.push(team, "m:v1", aliases="best")
    assert team.resolve("m:best").number == 1


def test_an_alias_moves_from_where_this_side_has_been(ann: Repository, team: Repository) -> None:
    ann.set_alias("best", "m:v1")
    ann.push(team, "m:v1", aliases="best")
    ann.set_alias("best", "m:v2")

    ann.push(team, "m:v2", aliases="best")

    assert team.resolve("m:best").number == 2


def test_an_alias_that_was_moved_there_stays(ann: Repository, team: Repository, files: Files) -> None:
    ann.set_alias("best", "m:v0")
    ann.push(team, every=True, aliases="best")
    team.log(files("theirs"), "m", aliases=["best"])
    ann.set_alias("best", "m:v2")

    with pytest.raises(AliasElsewhere):
        ann.push(team, "m:v2", aliases="best")

    assert team.resolve("m:best").number == 3


def test_an_alias_that_was_taken_back_there_is_not_overwritten(tmp_path: Path, files: Files) -> None:
    ann, team = cached(tmp_path, "ann"), cached(tmp_path, "team")
    for text in ("one", "two", "three"):
        ann.log(files(text), "m")
    for number in (0, 1):
        ann.set_alias("best", f"m:v{number}")
        ann.push(team, every=True, aliases="best")
    team.set_alias("best", "m:v0")
    ann.set_alias("best", "m:v2")

    with pytest.raises(AliasElsewhere):
        ann.push(team, "m:v2", aliases="best")


def test_an_alias_moves_on_from_where_it_was_pulled_to(tmp_path: Path, files: Files) -> None:
    ann, team = cached(tmp_path, "ann"), cached(tmp_path, "team")
    for text in ("one", "two", "three"):
        team.log(files(text), "m", aliases=["best"])
    ann.pull(team, "m:best", aliases="best")
    ann.log(files("four"), "m", aliases=["best"])

    ann.push(team, "m:best", aliases="best")

    assert team.resolve("m:best").number == 3


def test_an_alias_that_was_removed_there_stays_removed(ann: Repository, team: Repository) -> None:
    ann.set_alias("best", "m:v0")
    ann.push(team, every=True, all_aliases=True)
    team.remove_alias("best", "m")

    assert ann.push(team, every=True, all_aliases=True).ahead == ("m:best",)
    ann.set_alias("best", "m:v1")
    with pytest.raises(AliasElsewhere):
        ann.push(team, "m:v1", aliases="best")
    assert team.aliases("m") == []

    ann.push(team, "m:v1", aliases="best", restore=True)
    assert team.resolve("m:best").number == 1


def test_an_alias_may_have_a_name_that_another_one_had_there(ann: Repository, team: Repository) -> None:
    ann.push(team, every=True)
    team.set_alias("best", "m:v2")
    team.remove_alias("best", "m")
    ann.set_alias("best", "m:v0")

    ann.push(team, every=True, all_aliases=True)

    assert team.resolve("m:best").number == 0


def test_of_all_aliases_those_that_have_gone_on_there_stay(ann: Repository, team: Repository) -> None:
    ann.set_alias("best", "m:v0")
    ann.push(team, every=True, all_aliases=True)
    team.set_alias("best", "m:v2")

    done = ann.push(team, every=True, all_aliases=True)

    assert done.ahead == ("m:best",)
    assert team.resolve("m:best").number == 2


def test_links_bring_the_model_with_tags_and_card(ann: Repository, team: Repository) -> None:
    ann.link("m:v1", "Reader", aliases=["prod"])
    ann.add_tags("Reader", ["vision"])
    ann.set_card("Reader", "# Reads\n")

    ann.push(team, "m:v1", links=True, tags=True, cards=True, all_aliases=True)

    assert team.resolve("Reader:prod").name == "m:v1"
    assert team.model("Reader").tags == ("vision",)
    assert team.card("Reader") == "# Reads\n"
    assert not team.fsck().findings


def test_tags_and_cards_stay_unless_they_are_asked_for(ann: Repository, team: Repository) -> None:
    ann.link("m:v1", "Reader")
    ann.add_tags("Reader", ["vision"])
    ann.set_card("Reader", "# Reads\n")

    ann.push(team, "m:v1", links=True)

    assert team.model("Reader").tags == ()
    assert team.card("Reader") == ""


def test_what_is_said_later_follows(ann: Repository, team: Repository) -> None:
    ann.push(team, "m:v0")
    ann.annotate("m:v0", message="better")

    ann.push(team, "m:v0")
    assert team.version("m:v0").message == "better"

    team.annotate("m:v0", message="best")
    assert ann.push(team, "m:v0").ahead == ("m:v0",)
    ann.pull(team, "m:v0")
    assert ann.version("m:v0").message == "best"


def test_what_both_sides_changed_is_refused(ann: Repository, team: Repository) -> None:
    ann.push(team, "m:v0")
    ann.annotate("m:v0", message="mine")
    team.annotate("m:v0", message="theirs")

    with pytest.raises(AnnotationsDiffer, match="here and at team"):
        ann.push(team, "m:v0")
    with pytest.raises(AnnotationsDiffer, match="here and at team"):
        ann.pull(team, "m:v0")

    assert team.version("m:v0").message == "theirs"


def test_what_was_deleted_there_stays_deleted(ann: Repository, team: Repository) -> None:
    ann.push(team, every=True)
    team.remove("m:v1")
    team.gc(grace=0)

    assert [one.state for one in ann.push(team, every=True).versions] == ["there", "deleted", "there"]
    assert [one.state for one in ann.push(team, every=True, restore=True).versions] == ["there", "restored", "there"]
    assert not team.fsck(full=True).findings


def test_a_name_that_the_other_side_cannot_hold_gets_another(ann: Repository, team: Repository) -> None:
    team.create_model("M")

    with pytest.raises(NameUnfit) as refused:
        ann.push(team, "m:v0")
    ann.push(team, "m:v0", names={"m": refused.value.proposed})

    assert refused.value.proposed == "m-2"
    assert team.version("m-2:v0").digest == ann.version("m:v0").digest


def test_another_name_for_what_does_not_travel_is_refused(ann: Repository, team: Repository) -> None:
    ann.link("m:v0", "Reader")

    for names, links in (({"n": "other"}, True), ({"Reader": "other"}, False)):
        with pytest.raises(UnknownTravelName):
            ann.push(team, "m:v0", names=names, links=links)
    assert team.artifacts() == []

    ann.push(team, "m:v0", names={"Reader": "other"}, links=True)
    assert team.resolve("other").name == "m:v0"


def test_properties_and_attachments_go_along(ann: Repository, team: Repository, files: Files) -> None:
    ann.set_property("m:v0", "owner", "ann")
    ann.set_property("m:v0", "mreg.ttl", 60)
    ann.attach("m:v0", "report", files("words"))

    ann.push(team, "m:v0")

    assert team.properties("m:v0") == {"owner": "ann"}
    assert [one.name for one in team.attachments("m:v0")] == ["report"]
    assert not team.fsck(full=True).findings
