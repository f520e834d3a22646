"""Mistakes of people who come from other tools, or put things into the wrong places: the hint is what to write."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mreg.cli import guesses
from mreg.cli.help.data import PAGES
from mreg.cli.other_words import _IN_GROUPS, OTHER_WORDS
from mreg.cli.report import NOT_ON_DISK
from mreg.values import hints
from mreg.values.names import edits, near

Unchanged = Callable[[], Any]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("list", "ls"),
        ("delete digits:v0", "rm"),
        ("remove digits:v0", "rm"),
        ("download digits", "get"),
        ("upload ./ckpt", "log"),
        ("register digits:v0 Classifier", "link"),
        ("promote digits:v0", "alias set"),
        ("status", "history"),
        ("verify", "fsck"),
        ("revert 3", "undo"),
        ("log_model x", "log"),
        ("LIST", "ls"),
        ("serach x", "search"),
        ("hitsory", "history"),
        ("alias list", "ls"),
        ("alias delete best digits", "rm"),
        ("alias add best digits", "set"),
        ("alias revert best digits", "rollback"),
        ("tag create Classifier x", "add"),
        ("model new x", "create"),
        ("artifact mv a b", "rename"),
        ("bundle export x a:v0", "create"),
        ("cache clear", "prune"),
        ("cache rm", "prune"),
        ("config show", "ls"),
        ("help serach", "search"),
        ("help exitcodes", "exit-codes"),
        ("import-hf one", "import"),
        ("import_wandb one", "import"),
    ],
)
def test_words_of_other_tools_lead_to_the_command(filled: Any, unchanged: Unchanged, line: str, meant: str) -> None:
    with unchanged():
        result = filled(*line.split())
        document = filled("--json", *line.split()).error

    assert (result.code, result.out) == (2, "")
    assert result.errors.splitlines()[1] == f"hint: did you mean `{meant}`?"
    assert document["near"] == [meant]


@pytest.mark.parametrize("line", ["frobnicate", "xx", "alias frobnicate", "help frobnicate", "zip", "deploy-now"])
def test_a_word_that_is_far_from_all_commands_suggests_none(filled: Any, line: str) -> None:
    result = filled(*line.split())

    assert (result.code, result.out) == (2, "")
    assert "did you mean" not in result.errors
    assert "--help`" in result.errors or "`mreg help`" in result.errors


def test_every_word_of_other_tools_leads_to_a_command() -> None:
    commands = set(PAGES)
    groups = [words for words, page in PAGES.items() if page[2]]

    assert set(OTHER_WORDS.values()) <= commands
    assert not set(OTHER_WORDS) & commands, "a command of that name exists"
    for candidates in _IN_GROUPS.values():
        assert any(f"{group} {one}" in commands for group in groups for one in candidates)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("alias rm zoo:production", "alias rm production zoo"),
        ("alias rm zoo:production zoo", "alias rm production zoo"),
        ("alias rm production", "alias rm production NAME"),
        ("alias rollback zoo:production", "alias rollback production zoo"),
        ("alias set mnist:v0 best", "alias set best mnist:v0"),
        ("alias set best", "alias set best NAME:vN"),
        ("alias set mnist:v0", "alias set ALIAS mnist:v0"),
        ("alias set mnist:best", "alias set best mnist:vN"),
        ("alias set fraud champion 1", "alias set champion fraud:v1"),
        ("link Classifier digits:v0", "link digits:v0 Classifier"),
        ("use fraud@champion", "use fraud:champion"),
        ("use models:/fraud/1", "use fraud:v1"),
        ("use models:/fraud@champion", "use fraud:champion"),
        ("use models:/fraud/Production", "use fraud:production"),
        ("get models:/fraud/latest -o out", "get fraud -o out"),
        ("use google/bert", "use bert"),
        ("get hf://google/bert -o out", "get bert -o out"),
        ("diff digits@best digits@1", "diff digits:best digits:v1"),
        ("resolve digits/v0", "resolve digits:v0"),
        ("resolve digits:0", "resolve digits:v0"),
        ("use digits v0", "use digits:v0"),
        ("rm digits 0", "rm digits:v0"),
        ("use digits --version 1", "use digits:v1"),
        ("get digits --version=v1 -o out", "get digits:v1 -o out"),
        ("use digits/best", "use digits:best"),
        ("use Classifier/prod", "use Classifier:prod"),
        ("link digits:best Classifier/production", "link digits:best Classifier --alias production"),
        ("link digits:best Classifier:production", "link digits:best Classifier --alias production"),
        ("link digits:best New:production", "link digits:best New --alias production"),
        ("link digits:best Classifier:v0", "link digits:best Classifier"),
        ("link digits Classifier:prod", "link digits Classifier --alias prod"),
        ("link digits:best google/bert", "link digits:best bert"),
        ("link digits:best --model Classifier", "link digits:best Classifier"),
        ("import one --from hf", "import one --from huggingface"),
        ("import one --from HuggingFace", "import one --from huggingface"),
        ("import one --from=hugging_face --dry-run", "import one --from huggingface --dry-run"),
        ("import one --from mlfow", "import one --from mlflow"),
        ("import one --from W&B", "import one --from wandb"),
        ("import one --from git", "import one --from gto"),
        ("import one --from checkpoint", "import one --from checkpoints"),
        ("import one --from folder", "import one --from checkpoints"),
        ("import one --from modelpack", "import one --from oci"),
        ("import one --hf --dry-run", "import one --from huggingface --dry-run"),
        ("import --wandb one", "import one --from wandb"),
        ("import one --kind hf", "import one --from huggingface"),
        ("import one --type=DVC", "import one --from dvc"),
        ("import one --name digits", "import one --artifact digits"),
        ("import --path one", "import one"),
        ("import hf one", "import one --from huggingface"),
        ("import one wandb --dry-run", "import one --from wandb --dry-run"),
        ("import --from hf", "import SOURCE --from huggingface"),
        ("export digits out", "export digits --folder out"),
        ("export digits v0 --hf out", "export digits:v0 --hf out"),
        ("export digits --version 0 --hf out", "export digits:v0 --hf out"),
        ("export digits -o out", "export digits --folder out"),
        ("export digits --huggingface out", "export digits --hf out"),
        ("export digits --modelpack=out --dry-run", "export digits --oci out --dry-run"),
        ("export digits --format oci out", "export digits --oci out"),
        ("export digits --to=huggingface out", "export digits --hf out"),
        ("export digits --to out", "export digits --folder out"),
        ("log one --name digits", "log one --artifact digits"),
        ("log one --name=digits", "log one --artifact digits"),
        ("tag add digits x", "tag add digits:vN x"),
        ("tag rm digits x y", "tag rm digits:vN x y"),
        ("tag ls digits", "tag ls digits:vN"),
        ("link fraud@champion Classifier --alias prod", "link fraud:champion Classifier --alias prod"),
    ],
)
def test_a_reference_in_the_wrong_place_or_form_leads_to_the_right_command(
    filled: Any, unchanged: Unchanged, line: str, meant: str
) -> None:
    with unchanged():
        result = filled(*line.split())
        document = filled("--json", *line.split()).error

    assert result.code in (2, 3)
    assert result.out == ""
    told, hint = result.errors.splitlines()
    assert told.startswith("error: ")
    assert hint.startswith(f"hint: write `mreg {meant}`")
    assert document["hint"] == hint.removeprefix("hint: ")


def test_an_option_that_the_right_line_has_already_is_not_put_in_twice(filled: Any) -> None:
    result = filled("log", "one", "-a", "digits", "--name", "digits")

    assert (result.code, result.out) == (2, "")
    assert result.errors.startswith("error: there is no option --name\n")
    assert "hint: write" not in result.errors


def test_of_an_artifact_that_is_there_nobody_says_that_names_have_no_owner(filled: Any) -> None:
    assert filled("use", "digits/best").errors.splitlines()[1] == "hint: write `mreg use digits:best`"
    assert "names have no owner" in filled("use", "google/digits").errors


@pytest.mark.parametrize("line", ["use digits:bset", "resolve zzz", "show digits:v9", "alias set best digits:v9"])
def test_a_reference_in_the_form_of_mreg_is_not_rewritten(filled: Any, line: str) -> None:
    assert "hint: write" not in filled(*line.split()).errors


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ls --limit x", "--limit: 'x' is not a whole number"),
        ("ls --limit -1", "--limit: -1 is less than 0"),
        ("ls --limit", "--limit needs a value"),
        ("ls --limt 3", "there is no option --limt"),
        ("get digits --force=3", "--force takes no value"),
        ("resolve digits more", "too many arguments: more"),
        ("resolve", "REFERENCE is missing"),
        ("log one", "--artifact NAME is missing"),
        ("-x ls", "there is no option -x"),
        ("search --kind nope", "--kind: 'nope' is not one of model, artifact, version"),
    ],
)
def test_the_parser_speaks_as_mreg_does(filled: Any, line: str, told: str) -> None:
    result = filled(*shlex.split(line))

    first, hint = result.errors.splitlines()
    assert (result.code, result.out, first) == (2, "", f"error: {told}")
    assert "--help`" in hint or hint == "hint: did you mean `--limit`?"
    assert not first.endswith(".")


@pytest.mark.parametrize("command", ["use", "get", "show"])
def test_a_time_is_asked_of_resolve(filled: Any, command: str) -> None:
    assert filled(command, "digits:best", "--at", "3") == (
        2,
        "",
        "error: there is no option --at\nhint: `mreg resolve REFERENCE --at TIME` prints the version at that time\n",
    )


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "abc", 3), ("abc", "abc", 0), ("serach", "search", 1), ("lst", "list", 1), ("kitten", "sitting", 3)],
)
def test_letters_are_counted_that_differ(one: str, other: str, distance: int) -> None:
    assert (edits(one, other), edits(other, one)) == (distance, distance)


def test_what_is_near_is_so_by_a_few_letters_or_begun() -> None:
    assert near("weight.bin", ["weights.bin", "bias.bin"]) == ["weights.bin"]
    assert near("customer", ["customer-support"]) == ["customer-support"]
    assert near("list", ["init", "lift"]) == ["lift"]
    assert near("ls", ["gc", "rm", "lz"]) == []


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("lsit", "did you mean `ls`?"),
        ("dowload digits", "did you mean `get`?"),
        ("login", "there are no accounts: access to the folder or bucket is enough"),
        ("serve", "there is no server: every command works on the repository itself"),
        ("alias best digits:v0", "write `mreg alias set best digits:v0`"),
        ("alias digits:v0 best", "write `mreg alias set best digits:v0`"),
        ("tag Classifier vision new", "write `mreg tag add Classifier vision new`"),
        ("config gc.grace", "write `mreg config get gc.grace`"),
        ("config gc.grace 3d", "write `mreg config set gc.grace 3d`"),
        ("model Classifier", "write `mreg model show Classifier`"),
        ("diff digits:v0..digits:v1", "write `mreg diff digits:v0 digits:v1`"),
        ("diff digits:v0...digits:v1", "write `mreg diff digits:v0 digits:v1`"),
        ("diff digits:v0 one", "write `mreg diff digits:v0 ./one`"),
        ("diff nope:v0 ./one", "list what exists with `mreg ls`"),
        ("diff one digits:v0 --tensors", "write `mreg diff ./one digits:v0 --tensors`"),
        ("get digits:v0 out", "write `mreg get digits:v0 --output out`"),
        ("get team/digits:v0 out", "write `mreg get team/digits:v0 --output out`"),
        ("show team/digits:v0 more", "see `mreg show --help`"),
        ("log ../model -a x --frozen", "see `mreg log --help`"),
        ("log ../model", "write `mreg log PATH... --artifact NAME [OPTIONS]`; see `mreg log --help`"),
        ("get digits --to out", "write `mreg get digits --output out`"),
        ("search --filter size>0", "write `mreg search --where 'size>0'`"),
        ("alias ls --name digits", "write `mreg alias ls digits`"),
        ("use s3://bucket/m", "choose the repository with `--repo`, and write NAME, NAME:vN or NAME:ALIAS"),
        ("alias set best s3://bucket/m", "choose the repository with `--repo`, and write NAME, NAME:vN or NAME:ALIAS"),
        ("import one --from csv", "write one of huggingface, dvc, gto, mlflow, oci, wandb, checkpoints"),
        ("import one --from=csv", "write one of huggingface, dvc, gto, mlflow, oci, wandb, checkpoints"),
        ("import one two --from=huggingface", "see `mreg import --help`"),
        ("export digits --zip out", "see `mreg export --help`"),
        ("export digits out --zip", "see `mreg export --help`"),
        ("export digits best --hf out", "see `mreg export --help`"),
        ("import hf one --zip", "see `mreg import --help`"),
        ("import one --dryrun", "did you mean `--dry-run`?"),
        ("import hf://google/bert", NOT_ON_DISK),
        ("import google/bert", NOT_ON_DISK),
        ("log s3://bucket/m -a x", "give the path of a file or folder; `mreg log --input-uri` records an address"),
    ],
)
def test_what_was_meant_is_told(filled: Any, unchanged: Unchanged, line: str, hint: str) -> None:
    # when
    with unchanged():
        result = filled(*line.split())

    # then
    assert result.code in (2, 3)
    assert result.out == ""
    assert result.errors.splitlines()[1] == f"hint: {hint}"


def test_a_hint_names_a_folder_that_is_not_utf_8_as_a_shell_takes_it() -> None:
    meant = guesses.line(
        ["get", "t:v0", os.fsdecode(b"n\xff/o'ut"), "--repo", os.fsdecode(b"n\xff")], "usage", lambda name: ""
    )

    assert meant == r"mreg get t:v0 --output $'n\xff/o\x27ut' --repo $'n\xff'"


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("push team/digits:v1", "push team digits:v1"),
        ("push team/digits:v1 digits:v0 --dry-run", "push team digits:v1 digits:v0 --dry-run"),
        ("push digits:v1 team", "push team digits:v1"),
        ("pull digits:v1 team", "pull team digits:v1"),
    ],
)
def test_a_reference_in_the_place_of_a_remote_leads_to_the_right_command(
    filled: Any, tmp_path: Path, line: str, meant: str
) -> None:
    filled.must("remote", "add", "team", str(tmp_path / "team"))

    refused = filled(*line.split(" "))

    assert (refused.code, refused.out) == (3, "")
    assert refused.errors.endswith(f"hint: write `mreg {meant}`\n")


@pytest.mark.parametrize(
    "line", ["push team digits:v1", "push team --all", "pull team digits:v1", "ls team/", "resolve team/digits:v1"]
)
def test_a_remote_without_a_repository_leads_to_its_location_not_to_what_was_typed(
    filled: Any, tmp_path: Path, line: str
) -> None:
    filled.must("remote", "add", "team", str(tmp_path / "team"))

    refused = filled(*line.split(" "))

    assert (refused.code, refused.out) == (3, "")
    assert refused.errors == f"error: there is no mreg repository at {tmp_path / 'team'}\nhint: {hints.NOT_THERE}\n"


@pytest.mark.parametrize(
    ("line", "code", "meant"),
    [
        ("pull ./team/digits:v1", 3, "pull ./team digits:v1"),
        ("push ../team/digits:v1 --dry-run", 3, "push ../team digits:v1 --dry-run"),
        ("pull s3://models/team/digits:best", 2, "pull s3://models/team digits:best"),
    ],
)
def test_a_reference_behind_a_location_leads_to_the_right_command(
    filled: Any, line: str, code: int, meant: str
) -> None:
    refused = filled(*line.split(" "))

    assert (refused.code, refused.out) == (code, "")
    assert refused.errors.endswith(f"hint: write `mreg {meant}`\n")
    assert "credentials" not in refused.errors


@pytest.mark.parametrize("line", ["pull s3://me:canary@models/x", "pull s3://models/x?key:canary", "pull s3://a:b"])
def test_what_may_be_a_secret_is_in_no_hint(filled: Any, line: str) -> None:
    refused = filled(*line.split(" "))

    assert (refused.code, refused.out) == (2, "")
    assert "canary" not in refused.errors
    assert "credentials belong in the environment" in refused.errors


@pytest.mark.parametrize(
    "line",
    ["clone one.bundle", "ls --repo one.bundle", "ls stick/", "show stick/digits:v0", "fsck --repair --from stick"],
)
def test_a_bundle_in_the_place_of_a_repository_leads_to_pull(filled: Any, line: str) -> None:
    filled.must("bundle", "create", "one.bundle", "digits:v0")
    filled.must("remote", "add", "stick", "one.bundle")

    refused = filled(*line.split())

    assert (refused.code, refused.out) == (3, "")
    assert "hint: to read a bundle, make a repository with `mreg init` and run `mreg pull FILE` in it" in refused.errors
