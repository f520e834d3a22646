"""Cards with front matter: tags first, fields, search; and the README.md of a version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Model = Callable[..., str]

CARD = """\
---
license: apache-2.0
base_model: google/bert
tags: [nlp, on device, "region:us"]
---
# Reader

Reads *digits*.
"""


@pytest.fixture
def carded(filled: Any) -> Any:
    """The model `Classifier` with a card that has front matter."""
    (filled.home / "reader.md").write_text(CARD)
    filled.must("card", "Classifier", "--file", "reader.md")
    return filled


def test_tags_of_a_card_become_tags_of_the_model_in_one_change(filled: Any) -> None:
    (filled.home / "reader.md").write_text(CARD)

    result = filled("card", "Classifier", "--file", "reader.md")

    assert result == (
        0,
        "",
        "card of Classifier  +7 -2 lines\n"
        "tags of Classifier  + nlp, + on device\n"
        "`mreg undo 6` takes it back\n"
        "no tags of Classifier, as a tag is letters, digits, `_`, `-` and single spaces: region:us\n",
    )
    assert filled.must("tag", "ls", "Classifier") == "nlp\non device\nvision\n"
    filled.must("undo", "6")
    assert filled.must("tag", "ls", "Classifier") == "vision\n"


def test_a_tag_that_a_new_card_has_not_stays_and_is_told(carded: Any) -> None:
    (carded.home / "reader.md").write_text(CARD.replace(', on device, "region:us"', ""))

    result = carded("card", "Classifier", "--file", "reader.md")

    assert (result.code, result.out) == (0, "")
    assert result.errors == (
        "card of Classifier  +1 -1 line\n"
        "`mreg undo 7` takes it back\n"
        "Classifier keeps the tag on device: `mreg tag rm Classifier 'on device'` removes it\n"
    )
    assert carded.must("tag", "ls", "Classifier") == "nlp\non device\nvision\n"


def test_a_tag_that_a_person_gave_stays_when_cards_have_it_and_then_not(filled: Any) -> None:
    filled.must("tag", "add", "Classifier", "vision")
    for tags in ("vision, nlp", "nlp"):
        assert filled("card", "Classifier", "--file", "-", stdin=f"---\ntags: [{tags}]\n---\n".encode()).code == 0

    assert filled.must("tag", "ls", "Classifier") == "nlp\nvision\n"


def test_the_card_of_what_can_be_no_model_is_refused_by_its_name(filled: Any) -> None:
    result = filled("card", "a b", "--file", "-", stdin=b"text\n")

    assert (result.code, result.out) == (2, "")
    assert result.errors.startswith("error: 'a b' is not a valid model name")


@pytest.mark.parametrize(
    "card",
    ["---\nlicense: [\ntags: [new]\n---\n", "---\ntags: [new]\n#" + "x" * (64 << 10) + "\n---\n"],
    ids=["broken", "too long"],
)
def test_front_matter_that_is_not_understood_changes_no_tags_and_is_told(carded: Any, card: str) -> None:
    result = carded("card", "Classifier", "--file", "-", stdin=card.encode())

    assert (result.code, result.out) == (0, "")
    assert result.errors.endswith(
        "`mreg undo 7` takes it back\n"
        "the front matter cannot be parsed, and is shown as text; the tags of Classifier are unchanged\n"
    )
    assert "tags of Classifier  " not in result.errors
    assert carded.must("tag", "ls", "Classifier") == "nlp\non device\nvision\n"


def test_a_tag_that_was_removed_does_not_come_back_with_the_same_tags(carded: Any) -> None:
    carded.must("tag", "rm", "Classifier", "nlp")
    (carded.home / "reader.md").write_text(CARD + "More.\n")

    carded.must("card", "Classifier", "--file", "reader.md")

    assert carded.must("tag", "ls", "Classifier") == "on device\nvision\n"


def test_in_a_pipe_the_card_is_printed_as_it_is(carded: Any) -> None:
    assert carded("card", "Classifier") == (0, CARD, "")


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_on_a_terminal_tags_come_first_then_fields_then_the_text(carded: Any, columns: int) -> None:
    shown = carded.terminal("card", "Classifier", environment={"COLUMNS": str(columns), "NO_COLOR": "1"}).out

    assert shown.splitlines()[:3] == [
        "tags:       nlp, on device, vision",
        "license:    apache-2.0",
        "base_model: google/bert",
    ]
    assert "Reads" in shown
    assert "---" not in shown


def test_show_has_the_fields_between_tags_and_card(carded: Any) -> None:
    lines = carded.must("show", "Classifier").splitlines()

    assert lines[:7] == [
        "model:      Classifier",
        "tags:       nlp, on device, vision",
        "license:    apache-2.0",
        "base_model: google/bert",
        "",
        "# Reader",
        "",
    ]


def test_json_has_tags_and_fields(carded: Any) -> None:
    found = carded("card", "Classifier", "--json").json

    assert found["tags"] == ["nlp", "on device", "vision"]
    assert found["fields"]["license"] == "apache-2.0"
    assert (found["model"], found["version"], found["card"]) == ("Classifier", None, CARD)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("license = 'apache-2.0'", "digits:v0"),
        ("license like 'apache%' and tag = 'nlp'", "digits:v0"),
        ("base_model = 'google/bert'", "digits:v0"),
        ("not has license", "digits:v1"),
        ("license = 'mit'", ""),
    ],
)
def test_license_and_base_model_can_be_searched(carded: Any, where: str, found: str) -> None:
    result = carded("search", "--where", where)

    assert result.code == 0, result
    assert [line.split("\t")[0] for line in result.out.splitlines()] == ([found] if found else [])
    assert carded("ls", "digits", "--where", where, "--json").json["versions"] == [
        one for one in carded("ls", "digits", "--json").json["versions"] if one["name"] == found
    ]


def test_front_matter_that_is_not_understood_is_shown_as_text(filled: Any) -> None:
    card = "---\nlicense: &x mit\nother: *x\n---\n# Title\n"
    assert filled("card", "Classifier", "--file", "-", stdin=card.encode()).code == 0

    assert filled("card", "Classifier") == (0, card, "")
    assert filled("card", "Classifier", "--json").json["fields"] == {}
    assert "license: &x mit" in filled.must("show", "Classifier")


# The README.md of a version.


@pytest.fixture
def documented(mreg: Any, model: Model) -> Any:
    mreg.must("log", model("m", {"w.bin": b"w", "README.md": CARD.encode()}), "-a", "mnist", "--link", "digits")
    return mreg


@pytest.mark.parametrize("reference", ["mnist", "mnist:v0", "digits:v0"])
def test_the_readme_is_the_card_of_its_artifact(documented: Any, reference: str) -> None:
    assert documented("card", reference) == (0, CARD, "")
    found = documented("card", reference, "--json").json
    assert (found["model"], found["version"]) == (None, "mnist:v0")
    assert found["tags"] == ["nlp", "on device", "region:us"]


def test_a_model_without_a_card_is_offered_the_readme_of_its_newest_link(documented: Any) -> None:
    result = documented("card", "digits")

    assert result == (
        0,
        "",
        "digits has no card yet; set one with `mreg card digits --file README.md`\n"
        "mnist:v0 has a README.md: `mreg card mnist:v0 | mreg card digits --file -` uses it as the card\n",
    )
    documented("card", "digits", "--file", "-", stdin=documented.must("card", "mnist:v0").encode())
    assert documented.must("card", "digits") == CARD


def test_an_artifact_without_a_readme_says_so(mreg: Any, model: Model) -> None:
    mreg.must("log", model(), "-a", "mnist")

    assert mreg("card", "mnist") == (0, "", "mnist:v0 has no README.md to show as its card\n")


@pytest.mark.parametrize("name", ["mnist", "mnist:v0", "digits:v0"])
def test_the_card_of_an_artifact_or_a_version_cannot_be_set(documented: Any, unchanged: Any, name: str) -> None:
    with unchanged():
        result = documented("card", name, "--file", "-", stdin=b"# x\n")

    assert (result.code, result.out) == (2, "")
    assert result.errors.startswith(
        f"error: {name!r} is not a registered model: the card of an artifact or a version is its README.md\nhint: "
    )


def test_a_readme_that_is_no_text_is_refused(mreg: Any, model: Model) -> None:
    mreg.must("log", model("m", {"README.md": b"\xff\xfe"}), "-a", "mnist")

    result = mreg("card", "mnist")

    assert (result.code, result.out) == (2, "")
    assert "the README.md of mnist:v0 is not UTF-8 text" in result.errors
