"""Every command: what it prints to people and to scripts, how it ends, and what it does when it is repeated."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from mreg.operations import query
from mreg.operations.numbers import reserve
from mreg.refs.keys import VersionKey
from mreg.repository import Repository

Model = Callable[..., str]
Unchanged = Callable[[], Any]
HEX = re.compile(r"[0-9a-f]{64}")


def test_init_prints_the_place_and_changes_nothing_when_repeated(bare: Any, unchanged: Unchanged) -> None:
    location = str(bare.home / ".mreg")

    assert bare("init") == (0, f"{location}\n", f"made an empty repository: {location}\n")
    with unchanged():
        assert bare("init") == (0, f"{location}\n", f"there is already a repository: {location}\n")
        assert bare("--json", "init").json["created"] is False


def test_upgrade_raises_the_format_once_and_prints_it(bare: Any, unchanged: Unchanged) -> None:
    bare("init", "--format", "1")

    raised = bare("upgrade")

    assert (raised.code, raised.out) == (0, "2\n")
    assert "releases that do not know format 2 refuse it now" in raised.errors
    with unchanged():
        assert bare("upgrade") == (0, "2\n", "the repository has format 2 already\n")
    assert bare("--json", "history").json["entries"][0]["command"] == "upgrade"


def test_init_makes_the_folder_that_it_is_given(bare: Any) -> None:
    assert bare("init", "deep/er").out == f"{bare.home}/deep/er/.mreg\n"
    assert bare("-C", "deep/er", "ls").code == 0


def test_log_prints_the_version_and_tells_people_the_rest(mreg: Any, model: Model) -> None:
    source = model(files={"a.bin": b"x" * 2048, "b.txt": b"y"})

    result = mreg("log", source, "--artifact", "a", "--alias", "best", "--link", "m")

    assert result == (
        0,
        "a:v0\n",
        "a:v0  2.0 KiB in 2 files, 2.0 KiB new, stored in 25 B\n"
        "  m       new registered model\n"
        "  m:v0    = a:v0\n"
        "  a:best  none -> v0\n",
    )


def test_log_of_the_same_content_makes_no_version_but_does_the_rest(mreg: Any, model: Model) -> None:
    source = model()
    mreg.must("log", source, "-a", "a")

    result = mreg("log", source, "-a", "a", "--alias", "best", "--link", "m", "--meta", "x=1", "-m", "said later")

    assert result == (
        0,
        "a:v0\n",
        "same content as a:v0: no new version\n"
        '  message of a:v0  "" -> said later\n'
        "  x of a:v0        none -> 1\n"
        "  m                new registered model\n"
        "  m:v0             = a:v0\n"
        "  a:best           none -> v0\n"
        "`mreg undo 2` takes it back\n",
    )
    shown = mreg("--json", "show", "a:best").json
    assert (shown["metadata"], shown["message"], shown["links"]) == ({"x": 1}, "said later", ["m:v0"])


def test_log_repeated_changes_nothing(filled: Any, unchanged: Unchanged) -> None:
    with unchanged():
        assert filled("log", "two", "-a", "digits", "-m", "second", "--meta", "m.acc=0.8").out == "digits:v1\n"


def test_log_takes_typed_metadata_from_options_and_files(mreg: Any, model: Model) -> None:
    source = model()
    (mreg.home / "meta.json").write_text('{"params": {"lr": 0.1, "arch": "cnn"}, "note": "from file"}')
    (mreg.home / "meta.toml").write_text("epochs = 3\n")

    mreg.must("log", source, "-a", "a", "--meta-file", "meta.json", "--meta", "params.lr=0.2", "--meta", "ok=true")
    mreg.must("annotate", "a", "--meta-file", "meta.toml", "--meta", "name=3x")

    assert mreg("--json", "show", "a:v0").json["metadata"] == {
        "params": {"lr": 0.2, "arch": "cnn"},
        "note": "from file",
        "ok": True,
        "epochs": 3,
        "name": "3x",
    }


def test_log_takes_run_inputs_and_type(mreg: Any, model: Model) -> None:
    mreg.must("log", model("data", {"d": b"1"}), "-a", "data", "--type", "dataset")
    mreg.must("log", model("m", {"w": b"1"}), "-a", "a", "--run", "run-7", "--input", "data")

    shown = mreg("--json", "show", "a:v0").json
    assert shown["run"] == "run-7"
    assert [one["reference"] for one in shown["inputs"]] == ["data:v0"]
    assert mreg("--json", "artifact", "show", "data").json["type"] == "dataset"


def test_log_takes_what_the_patterns_leave(mreg: Any, model: Model) -> None:
    source = model(files={"w.bin": b"1", "t.log": b"2", "sub/w.bin": b"3", "sub/skip.bin": b"4", "x.txt": b"5"})
    (mreg.home / source / ".mregignore").write_text("skip.*\n")

    mreg.must("log", source, "-a", "a", "--include", "*.bin", "--exclude", "sub/q*")

    assert [file["path"] for file in mreg("--json", "files", "a").json["files"]] == ["sub/w.bin", "w.bin"]


def test_log_of_several_paths_keeps_their_names(mreg: Any, model: Model) -> None:
    model("one", {"w": b"1"})
    (mreg.home / "readme.txt").write_text("hi")

    mreg.must("log", "one", "readme.txt", "-a", "a")

    assert [file["path"] for file in mreg("--json", "files", "a").json["files"]] == ["one/w", "readme.txt"]


def test_log_on_top_of_a_version_adds_replaces_and_removes(mreg: Any, model: Model, unchanged: Unchanged) -> None:
    mreg.must("log", model(files={"a": b"a", "b": b"b", "old/c": b"c"}), "-a", "digits")
    (mreg.home / "b").write_bytes(b"other")

    assert mreg("log", "b", "-a", "digits", "--onto", "digits:v0", "--remove", "old") == (
        0,
        "digits:v1\n",
        "digits:v1  6 B in 2 files, 5 B new\n",
    )
    assert mreg("log", "-a", "digits", "--onto", "digits", "--remove", "a").out == "digits:v2\n"
    assert [line.split("\t")[2] for line in mreg("files", "digits").out.splitlines()] == ["b"]
    assert mreg("cat", "digits", "b").out == "other"
    with unchanged():
        refused = mreg("log", "-a", "digits", "--onto", "digits:v0", "--remove", "older")
        assert (refused.code, refused.out) == (3, "")
        assert refused.errors.startswith("error: digits:v0 has no file 'older'\n")
        assert mreg("log", "-a", "digits", "b", "--remove", "a") == (
            2,
            "",
            "error: `remove` names files of the version given as `onto`, and requires it\n"
            "hint: name the version with `--onto`\n",
        )
        assert mreg("log", "-a", "digits").errors == ("error: PATH... is missing\nhint: see `mreg log --help`\n")


def test_log_records_files_and_addresses_that_a_version_was_made_from(mreg: Any, model: Model) -> None:
    model("data", {"x.csv": b"1,2\n", "y/z.csv": b"3\n"})
    given = ["--input-file", "data/x.csv", "--input-file", "data", "--input-uri", "s3://bucket/train"]

    mreg.must("log", model(), "-a", "digits", *given)

    file, folder, uri = mreg("show", "digits:v0", "--json").json["sources"]
    assert file == {"kind": "file", "name": "data/x.csv", "digest": blake3(b"1,2\n").hexdigest(), "size": 4}
    assert (folder["kind"], folder["name"], folder["size"]) == ("file", "data", 6)
    assert folder["digest"] == mreg("log", "data", "-a", "other", "--json").json["version"]["manifest"]
    assert uri == {"kind": "uri", "name": "s3://bucket/train", "digest": None, "size": None}
    assert f"sources:  data/x.csv ({file['digest'][:12]}, 4 B)\n" in mreg("show", "digits:v0").out


def test_log_of_the_same_content_adds_what_it_was_made_from(mreg: Any, model: Model) -> None:
    mreg.must("log", model(), "-a", "digits", "--input-uri", "s3://one")

    result = mreg("log", "model", "-a", "digits", "--input-uri", "s3://one", "--input-uri", "doi:10.1/2")

    assert result == (
        0,
        "digits:v0\n",
        "same content as digits:v0: no new version\n  sources of digits:v0  + doi:10.1/2\n"
        "`mreg undo 2` takes it back\n",
    )
    assert [one["name"] for one in mreg("show", "digits:v0", "--json").json["sources"]] == ["s3://one", "doi:10.1/2"]
    mreg.must("annotate", "digits:v0", "-m", "said later")
    assert len(mreg("show", "digits:v0", "--json").json["sources"]) == 2


@pytest.mark.parametrize(
    ("given", "code", "error"),
    [
        (["--input-uri", "bucket/data"], 2, "invalid-source"),
        (["--input-uri", "s3://"], 2, "invalid-source"),
        (["--input-uri", ""], 2, "invalid-source"),
        (["--input-uri", "https://ann:secret@example.org/x"], 2, "invalid-source"),
        (["--input-uri", "https://ghp_0123@example.org/x"], 2, "invalid-source"),
        (["--input-uri", "https://b.blob.core.windows.net/d/x?se=2027-01-01&sig=abc"], 2, "invalid-source"),
        (["--input-uri", "https://b.s3.amazonaws.com/x?X-Amz-Expires=9&X-Amz-Signature=abc"], 2, "invalid-source"),
        (["--input-uri", "https://b.s3.amazonaws.com/x?X-Amz-Security-Token=abc"], 2, "invalid-source"),
        (["--input-uri", "https://example.org/x?access_token=abc"], 2, "invalid-source"),
        (["--input-uri", "https://example.org/x#api%5Fkey=abc"], 2, "invalid-source"),
        (["--input-file", "nowhere"], 3, "missing-path"),
    ],
    ids=str,
)
def test_log_refuses_sources_that_say_nothing_or_too_much(
    mreg: Any, model: Model, unchanged: Unchanged, given: list[str], code: int, error: str
) -> None:
    with unchanged():
        result = mreg("log", model(), "-a", "digits", *given, "--json")

    assert (result.code, result.error["code"]) == (code, error)
    assert "secret" not in result.errors


def test_a_repository_of_format_1_says_what_it_cannot_keep(bare: Any, model: Model, unchanged: Unchanged) -> None:
    bare.must("init", "--format", "1")
    folder = model(files={"a": b"a", "assets/x": b"x"})
    os.remove(bare.home / folder / "assets" / "x")

    assert bare("log", folder, "-a", "digits").errors == (
        "digits:v0  1 B in 1 file, 1 B new\n"
        "1 empty folder is left out: assets/; a repository of format 1 cannot hold them "
        "(`mreg upgrade` raises the format)\n"
    )
    with unchanged():
        refused = bare("log", folder, "-a", "digits", "--input-uri", "s3://data")
        assert (refused.code, refused.out) == (6, "")
        assert refused.errors.startswith(
            "error: a file or URI as input requires repository format 2; this repository has format 1\n"
            "hint: `mreg upgrade`"
        )
        (bare.home / folder / "e:1").write_bytes(b"")
        refused = bare("log", folder, "-a", "digits")
        assert (refused.code, refused.out) == (6, "")
        assert refused.errors.startswith("error: the file name 'e:1' requires repository format 2")


def test_log_with_dry_run_tells_and_changes_nothing(mreg: Any, model: Model, unchanged: Unchanged) -> None:
    with unchanged():
        result = mreg("log", model(), "-a", "a", "--dry-run")

    assert result == (0, "a:v0\n", "a:v0  would be 7 B in 1 file, 7 B new\n")


def test_log_tells_that_equal_content_keeps_what_was_captured(mreg: Any, model: Model) -> None:
    asked, unasked = ["log", model(), "-a", "a", "--capture", "python"], ["log", model(), "-a", "a"]
    first = mreg(*asked)

    assert first.errors == "a:v0  7 B in 1 file, 7 B new\n"
    assert mreg(*asked).errors.splitlines() == [
        "same content as a:v0: no new version",
        "a:v0 keeps what was recorded when it was made: --capture is for new versions",
    ]
    assert (
        mreg(*unasked, "--capture", "none").errors == mreg(*unasked).errors == "same content as a:v0: no new version\n"
    )


def test_log_with_dry_run_names_what_would_move(mreg: Any, model: Model, unchanged: Unchanged) -> None:
    mreg.must("log", model(), "-a", "a", "--alias", "best", "-m", "first", "--ttl", "30d")

    with unchanged():
        new = mreg("log", model("m", {"w": b"2"}), "-a", "a", "--alias", "best", "--link", "M:prod", "--dry-run")
        same = mreg("log", model(), "-a", "a", "--alias", "last", "-m", "second", "--ttl", "2d", "--dry-run")

    assert new == (
        0,
        "a:v1\n",
        "a:v1  would be 1 B in 1 file, 1 B new\n"
        "  M       new registered model\n"
        "  M:v0    = a:v1\n"
        "  a:best  v0 -> v1\n"
        "  M:prod  none -> v0 (a:v1)\n",
    )
    assert (same.code, same.out) == (0, "a:v0\n")
    assert same.errors.splitlines()[:3] == [
        "same content as a:v0: there would be no new version",
        "  message of a:v0  first -> second",
        "  a:last           none -> v0",
    ]
    assert same.errors.splitlines()[3].startswith("a:v0 keeps its later expiry, ")


@pytest.mark.parametrize(
    "options",
    [
        ["-a", "a", "--meta", "metrics=1"],
        ["-a", "a", "--alias", "BEST"],
        ["-a", "A"],
        ["-a", "a", "--link", "b"],
        ["-a", "new", "--link", "new"],
    ],
)
def test_log_with_dry_run_is_refused_as_the_real_one(
    mreg: Any, model: Model, unchanged: Unchanged, options: list[str]
) -> None:
    mreg.must("log", model(), "-a", "a", "--alias", "best", "--meta", "metrics.acc=0.5")
    mreg.must("log", model(), "-a", "b")

    with unchanged():
        foretold = mreg("log", model(), *options, "--dry-run")
    real = mreg("log", model(), *options)

    assert (foretold.code, foretold.out) == (6, "")
    assert foretold == real


def test_ls_lists_collections_and_versions(filled: Any) -> None:
    everything = filled("ls")

    assert (everything.code, _timeless(everything.out), everything.errors) == (
        0,
        "digits\tartifact\tmodel\tv1\t2\t302 B\tTIME\tbest=v0\nClassifier\tmodel\t\tv0\t1\t\tTIME\tprod=v0\n",
        "",
    )
    assert _timeless(filled("ls", "digits", "--columns", "m.acc").out) == (
        "v0\tbest\t302 B\t2\tTIME\t0.9\tfirst\nv1\t\t302 B\t2\tTIME\t0.8\tsecond\n"
    )
    assert _timeless(filled("ls", "Classifier").out) == "v0\tprod\tdigits:v0\t302 B\t2\tTIME\tfirst\n"
    assert _timeless(filled("ls", "digits", "--where", "m.acc > 0.8").out) == "v0\tbest\t302 B\t2\tTIME\tfirst\n"


def _timeless(shown: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "TIME", shown)


@pytest.mark.parametrize(
    ("command", "kept", "told"),
    [
        (["ls", "--limit", "1"], ["newer"], "2 collections were changed earlier; --limit 0 shows all\n"),
        (["ls", "--limit", "2"], ["newer", "Classifier"], "1 collection was changed earlier; --limit 0 shows all\n"),
        (["ls", "--limit", "3"], ["digits", "newer", "Classifier"], ""),
        (["ls", "digits", "--limit", "1"], ["v1"], "1 older version; --limit 0 shows all\n"),
        (["ls", "digits", "--limit", "2"], ["v0", "v1"], ""),
        (["ls", "digits", "--limit", "0"], ["v0", "v1"], ""),
        (["ls", "digits", "--limit", "1", "--sort", "m.acc"], ["v1"], "1 more version; --limit 0 shows all\n"),
        (["ls", "digits", "--limit", "1", "--where", "size > 1"], ["v1"], "1 older version; --limit 0 shows all\n"),
        (["ls", "Classifier", "--limit", "1"], ["v1"], "1 older link; --limit 0 shows all\n"),
        (["search", "--in", "digits", "--limit", "1"], ["digits:v1"], "1 older version; --limit 0 shows all\n"),
        (["history", "--limit", "1"], ["7"], "6 older changes; --limit 0 shows all\n"),
        (["history", "digits", "--limit", "1"], ["6"], "older changes are not shown; --limit 0 shows all\n"),
        (["history", "newer", "--limit", "1"], ["7"], ""),
    ],
)
def test_a_limit_keeps_the_newest_and_what_it_leaves_out_is_told(
    filled: Any, command: list[str], kept: list[str], told: str
) -> None:
    filled.must("link", "digits:v1", "Classifier")
    filled.must("artifact", "create", "newer")

    result = filled(*command)

    assert result.code == 0
    assert ([line.split("\t")[0] for line in result.out.splitlines()], result.errors) == (kept, told)
    assert filled("-q", *command).errors == filled("--json", *command).errors == ""


@pytest.mark.parametrize("width", [40, 80, 140])
def test_tables_cut_the_message_and_nothing_else(mreg: Any, model: Model, width: int) -> None:
    name, message = "llama-3-8b-instruct-sft", "epoch 12: cosine schedule, " + "long " * 40
    aliases = ["--alias", "first-stable", "--alias", "best", "--link", "customer-support:production"]
    mreg.must("log", model(), "-a", name, *aliases, "-m", f"{message}\nsecond line", "--meta", "metrics.acc=0.9166666")
    environment = {"COLUMNS": str(width), "NO_COLOR": "1"}

    shown = {
        command: mreg.terminal(*command.split(), environment=environment)
        for command in (
            "ls",
            f"ls {name} --columns metrics.acc",
            "ls customer-support",
            "search epoch",
            f"show {name}:v0",
        )
    }

    for command, result in shown.items():
        assert result.code == 0
        longest = max(len(line) for line in result.out.splitlines() if not line.startswith(("digest", "manifest")))
        assert longest <= width, command
    everything, versions, links, found, page = (result.out for result in shown.values())
    assert all(word in everything for word in (name, "artifact", "best=v0", "first-stable=v0", "production=v0"))
    assert all(word in versions for word in ("v0", "first-stable", "best", "0.9166666", "epoch", "…"))
    assert all(word in links for word in ("v0", "production", f"{name}:v0"))
    assert all(word in found for word in (f"{name}:v0", "best", "first-stable"))
    assert "second line" not in versions + links + found
    assert "".join(message.split()) in "".join(page.split()) and "second line" in page


def test_ls_lists_a_version_whose_record_is_damaged_without_a_size(filled: Any) -> None:
    digest = filled("--json", "show", "digits:v1").json["digest"]
    (filled.home / ".mreg" / "objects" / digest[:2] / digest[2:]).unlink()
    shutil.rmtree(filled.home.parent / "cache")

    result, page = filled("ls"), filled("show", "digits:v0")

    assert (result.code, result.errors) == (0, "")
    assert result.out.split("\t")[:6] == ["digits", "artifact", "model", "v1", "2", ""]
    assert (page.code, page.errors) == (0, "")
    assert "derived:  unknown, as records of other versions are damaged; see `mreg fsck`" in page.out.splitlines()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("search first", "version\tdigits:v0\tbest\tmessage: first\n"),
        ("search 0.8", "version\tdigits:v1\t\tm.acc: 0.8\n"),
        ("search m.acc=0.8", "version\tdigits:v1\t\tm.acc: 0.8\n"),
        ("search r1", "version\tdigits:v1\t\trun: r1\n"),
        ("search vis", "model\tClassifier\tprod=v0\ttags: vision\n"),
        ("search tells", "model\tClassifier\tprod=v0\tcard: # Classifier Tells *digits*.\n"),
        ("search CLASS", "model\tClassifier\tprod=v0\tname\n"),
        ("search mit", "model\tReader\t\tlicense: mit\n"),
        ("search prod", "model\tClassifier\tprod=v0\talias\n"),
        ("search second --in digits", "digits:v1\t\t302 B\t2\tTIME\tmessage: second\n"),
    ],
)
def test_search_shows_what_matched_and_aliases(filled: Any, command: str, shown: str) -> None:
    (filled.home / "front.md").write_text("---\nlicense: mit\n---\n# About\n")
    filled.must("model", "create", "Reader")
    filled.must("card", "Reader", "--file", "front.md")

    result = filled(*command.split())

    assert (result.code, _timeless(result.out), result.errors) == (0, shown, "")


def test_show_tells_what_a_version_is_connected_with(filled: Any) -> None:
    filled.must("use", "digits:v0", "--run", "train-1")
    filled.must("use", "digits:v0", "--run", "serve-eu")

    lines = _timeless(filled.must("show", "Classifier:prod")).splitlines()
    page = filled.terminal("show", "Classifier:prod", environment={"NO_COLOR": "1"}).out.splitlines()
    document = filled("--json", "show", "digits:v0").json

    assert "links:    Classifier:v0 (prod)" in lines
    at = lines.index("used by:  serve-eu (TIME)")
    assert lines[at + 1 : at + 3] == ["          train-1 (TIME)", "derived:  digits:v1"]
    assert page[0] == "Classifier:v0 = digits:v0  prod"
    assert re.fullmatch(r"302 B in 2 files · logged .+ by \S+ on \S+", page[1])
    assert page[2] == "first"
    fields = dict(re.split("  +", line, maxsplit=1) for line in page[3:])
    assert re.fullmatch(r"serve-eu \(.+\), train-1 \(.+\)", fields["used by"])
    assert (fields["links"], fields["derived"], fields["m"]) == ("Classifier:v0 (prod)", "digits:v1", "acc 0.9")
    assert document["derived"] == ["digits:v1"]
    assert [one["run"] for one in document["consumers"]] == ["serve-eu", "train-1"]


def test_show_finds_what_was_made_from_a_version_that_was_renamed_since(filled: Any) -> None:
    filled.must("artifact", "rename", "digits", "numbers")

    assert filled("--json", "show", "numbers:v0").json["derived"] == ["numbers:v1"]
    filled.must("rm", "numbers:v1")
    assert filled("--json", "show", "numbers:v0").json["derived"] == []


def test_ls_of_an_empty_repository_says_what_to_do(mreg: Any) -> None:
    result = mreg("ls")

    assert (result.code, result.out) == (0, "")
    assert "mreg log PATH --artifact NAME" in result.errors


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--sort", "m.acc"], ["v1", "v0"]),
        (["--sort", "-m.acc"], ["v0", "v1"]),
        (["--sort", "-number"], ["v1", "v0"]),
        (["--sort", "created"], ["v0", "v1"]),
        (["--limit", "1"], ["v1"]),
        (["--limit", "0"], ["v0", "v1"]),
        (["--sort", "m.acc", "--limit", "1"], ["v1"]),
    ],
)
def test_ls_sorts_and_limits(filled: Any, options: list[str], expected: list[str]) -> None:
    assert [line.split("\t")[0] for line in filled("ls", "digits", *options).out.splitlines()] == expected


@pytest.fixture
def mixed(mreg: Any, model: Callable[..., str]) -> Any:
    """v0 to v8 with values of all types under one key."""
    for n, value in enumerate(["2", "1.5", '"b"', '"NaN"', '"Infinity"', "true", "[3]", '"a"', None, "1.5"]):
        (mreg.home / "meta.json").write_text("{}" if value is None else f'{{"m": {{"k/x": {value}, "k": {value}}}}}')
        mreg.must("log", model("m", {"w": b"%d" % n}), "-a", "mixed", "--meta-file", "meta.json")
    return mreg


@pytest.mark.parametrize(
    ("sort", "expected"), [("", "1 9 0 4 7 2 5 3 6 8"), ("-", "4 0 1 9 2 7 5 3 6 8")], ids=["up", "down"]
)
@pytest.mark.parametrize("key", ["m.k", "m.k/x"])
def test_ls_sorts_values_as_search_does(mixed: Any, sort: str, key: str, expected: str) -> None:
    numbers = [f"v{number}" for number in expected.split()]

    for limit in (0, 3, 7, 9):
        rows = mixed.must("ls", "mixed", "--sort", sort + key, "--limit", str(limit)).splitlines()
        assert [row.split("\t")[0] for row in rows] == numbers[: limit or None]
    if "/" not in key:
        rows = mixed.must("search", "--in", "mixed", "--sort", sort + key, "-q").splitlines()
        assert rows == [f"mixed:{number}" for number in numbers]


def test_ls_reads_no_more_records_than_it_shows(mixed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    mixed.must("search", "--count")
    for number in range(4):
        mixed.must("link", f"mixed:v{number}", "Model")
    described: list[Any] = []
    describe = query.describe
    monkeypatch.setattr(
        query, "describe", lambda one, *rest, **more: described.append(one) or describe(one, *rest, **more)
    )

    # when
    rows = [mixed.must("ls", "mixed", "--limit", "2", *more) for more in ([], ["--sort", "-m.k"], ["--sort", "size"])]
    links = mixed("ls", "Model", "--limit", "2")

    # then
    assert [len(shown.splitlines()) for shown in rows] == [2, 2, 2]
    assert [line.split("\t")[0] for line in links.out.splitlines()] == ["v2", "v3"]
    assert links.errors == "2 older links; --limit 0 shows all\n"
    assert len(described) == 8


def test_ls_refuses_to_sort_by_what_no_version_has(filled: Any) -> None:
    result = filled("ls", "digits", "--sort", "nope")

    assert (result.code, result.out) == (2, "")
    assert "no version has the key `nope`" in result.errors


def test_show_tells_all_about_a_version(filled: Any) -> None:
    result = filled("show", "digits:v1")

    assert (result.code, result.errors) == (0, "")
    shown = dict(re.split(r":\s+", line, maxsplit=1) for line in result.out.splitlines())
    assert shown["version"] == "digits:v1"
    assert shown["message"] == "second"
    assert shown["run"] == "r1"
    assert shown["inputs"].startswith("digits:v0 (")
    assert shown["size"] == "302 B in 2 files"
    assert shown["m.acc"] == "0.8"
    assert HEX.fullmatch(shown["digest"])


def test_show_of_a_model_begins_with_tags_and_card(filled: Any) -> None:
    result = filled("show", "Classifier")

    assert (result.code, result.errors) == (0, "")
    assert _timeless(result.out).splitlines() == [
        "model: Classifier",
        "tags:  vision",
        "",
        "# Classifier",
        "",
        "Tells *digits*.",
        "",
        "type:    model",
        "aliases: prod=v0",
        "changed: TIME",
        "v0\tdigits:v0\tprod",
    ]


def test_show_of_an_artifact_and_of_an_empty_one(filled: Any) -> None:
    filled.must("artifact", "create", "empty")

    assert "latest:   v1" in filled.must("show", "digits").splitlines()
    assert "latest:   none yet" in filled.must("show", "empty").splitlines()


def test_get_writes_the_files_once(filled: Any) -> None:
    assert filled("get", "digits:v0") == (0, f"{filled.home}/digits-v0\n", "digits:v0: 2 files written\n")
    weights = filled.home / "digits-v0" / "weights.bin"
    assert weights.read_bytes() == b"one" * 100
    inode = weights.stat().st_ino

    assert filled("get", "digits:v0").errors == "digits:v0: 0 files written, 2 unchanged\n"
    assert weights.stat().st_ino == inode


def test_get_replaces_what_differs_and_leaves_the_rest(filled: Any) -> None:
    (filled.home / "out").mkdir()
    (filled.home / "out" / "weights.bin").write_bytes(b"wrong")
    (filled.home / "out" / "mine.txt").write_bytes(b"mine")

    assert filled("get", "digits:best", "-o", "out").out == f"{filled.home}/out\n"

    assert (filled.home / "out" / "weights.bin").read_bytes() == b"one" * 100
    assert (filled.home / "out" / "mine.txt").read_bytes() == b"mine"


def test_get_takes_only_what_is_included(filled: Any) -> None:
    filled.must("get", "digits:v0", "-o", "out", "--include", "*.json")

    assert [str(path.relative_to(filled.home)) for path in filled.home.glob("out/**/*") if path.is_file()] == [
        "out/config/arch.json"
    ]


def test_use_prints_one_read_only_copy_for_all(filled: Any) -> None:
    first, second = filled("use", "digits:best"), filled("use", "Classifier:prod")

    assert first == second == (0, first.out, "")
    path = Path(first.out.rstrip("\n"))
    assert (path / "weights.bin").read_bytes() == b"one" * 100
    assert stat.S_IMODE((path / "weights.bin").stat().st_mode) == 0o444


def test_use_with_run_is_recorded_once(filled: Any) -> None:
    filled.must("use", "digits", "--run", "serve-1")
    filled.must("use", "digits", "--run", "serve-1")

    commands = [entry["command"] for entry in filled("--json", "history").json["entries"]]
    assert commands.count("use digits:v1 --run serve-1") == 1


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("digits", "digits:v1"),
        ("digits:latest", "digits:v1"),
        ("digits:v0", "digits:v0"),
        ("digits:best", "digits:v0"),
        ("Classifier", "digits:v0"),
        ("Classifier:prod", "digits:v0"),
        ("Classifier:v0", "digits:v0"),
    ],
)
def test_resolve_prints_the_one_version(filled: Any, reference: str, version: str) -> None:
    assert filled("resolve", reference) == (0, f"{version}\n", "")


def test_resolve_takes_a_digest(filled: Any) -> None:
    digest = filled("--json", "resolve", "digits:v0").json["digest"]

    assert filled("resolve", f"digits:@{digest[:8]}").out == "digits:v0\n"
    assert filled("resolve", f"Classifier:@{digest}").out == "digits:v0\n"


def test_cat_writes_the_bytes_and_nothing_else(filled: Any) -> None:
    assert filled("cat", "digits:v1", "weights.bin") == (0, "two" * 100, "")


def test_files_lists_what_b3sum_would(filled: Any) -> None:
    weights, config = blake3(b"two" * 100).hexdigest(), blake3(b"{}").hexdigest()

    assert filled("files", "digits").out == f"{config}\t2\tconfig/arch.json\n{weights}\t300\tweights.bin\n"


def test_diff_shows_files_and_metadata(filled: Any) -> None:
    assert filled("diff", "digits:v0", "digits:v1") == (
        0,
        "~\tweights.bin\t300 B -> 300 B\n=\tm.acc\t0.9 -> 0.8\n",
        "",
    )
    assert filled("diff", "digits:v0", "Classifier:prod") == (0, "", "digits:v0 and digits:v0 do not differ\n")


def test_diff_shows_modes_and_empty_folders(mreg: Any, model: Model) -> None:
    folder = mreg.home / model(files={"run.sh": b"1", "tool": b"1"})
    (folder / "old").mkdir()
    mreg.must("log", "model", "-a", "digits")
    (folder / "old").rmdir()
    (folder / "new").mkdir()
    (folder / "run.sh").chmod(0o755)
    (folder / "tool").write_bytes(b"22")
    (folder / "tool").chmod(0o755)
    mreg.must("log", "model", "-a", "digits")

    assert mreg("diff", "digits:v0", "digits:v1") == (
        0,
        "+\tnew/\tempty\n-\told/\tempty\n~\trun.sh\tnow executable\n~\ttool\t1 B -> 2 B, now executable\n",
        "",
    )


def test_annotate_changes_words_and_no_file(filled: Any) -> None:
    before = filled("--json", "resolve", "digits:v0").json

    assert filled("annotate", "digits:v0", "-m", "better", "--meta", "m.f1=1", "--unset", "m.acc") == (
        0,
        "digits:v0\n",
        "message of digits:v0  first -> better\nm.acc of digits:v0    0.9 -> none\nm.f1 of digits:v0     none -> 1\n"
        "`mreg undo 6` takes it back\n",
    )
    shown = filled("--json", "show", "digits:v0").json
    assert (shown["message"], shown["metadata"]) == ("better", {"m": {"f1": 1}})
    assert filled("--json", "resolve", "digits:v0").json == before
    assert filled("annotate", "digits:v0", "-m", "better").errors == "digits:v0 is unchanged\n"


def test_link_prints_the_bookmark_and_repeats_it(filled: Any, unchanged: Unchanged) -> None:
    assert filled("link", "digits:v1", "Classifier", "--alias", "next") == (
        0,
        "Classifier:v1\n",
        "Classifier:v1    = digits:v1\nClassifier:next  none -> v1 (digits:v1)\n",
    )
    with unchanged():
        assert filled("link", "digits:v1", "Classifier") == (
            0,
            "Classifier:v1\n",
            "Classifier:v1 is digits:v1 already\n",
        )
    assert filled("link", "digits", "New").errors == "New     new registered model\nNew:v0  = digits:v1\n"
    assert filled("resolve", "Classifier:next").out == "digits:v1\n"


def test_unlink_removes_the_bookmark_and_never_the_version(filled: Any) -> None:
    assert filled("unlink", "Classifier:v0").code == 6
    assert filled("unlink", "Classifier:v0", "--force") == (
        0,
        "Classifier:v0\n",
        "removed Classifier:v0; digits:v0 stays, and with it\n"
        "  Classifier:prod  was v0 (digits:v0)\n"
        "`mreg undo 6` restores it\n",
    )
    assert filled("resolve", "Classifier:prod").code == 3
    assert filled("resolve", "digits:v0").code == 0
    assert filled.must("link", "digits:v0", "Classifier") == "Classifier:v1\n"


def test_alias_set_moves_and_says_from_where(filled: Any, unchanged: Unchanged) -> None:
    assert filled("alias", "set", "best", "digits:v1") == (
        0,
        "digits:v1\n",
        "digits:best  v0 -> v1\n`mreg undo 6` takes it back\n",
    )
    assert filled("alias", "set", "new", "digits").errors == "digits:new  none -> v1\n"
    with unchanged():
        assert filled("alias", "set", "best", "digits:v1") == (0, "digits:v1\n", "digits:best is at v1 already\n")


def test_alias_set_with_expect_swaps_only_what_is_expected(filled: Any, unchanged: Unchanged) -> None:
    assert filled("alias", "set", "best", "digits:v1", "--expect", "v0").code == 0
    with unchanged():
        lost = filled("alias", "set", "best", "digits:v0", "--expect", "v0")
        taken = filled("alias", "set", "best", "digits:v0", "--expect", "none")
    assert (lost.code, lost.out, taken.code) == (7, "", 7)
    assert "digits:best is at v1, not at v0" in lost.errors
    assert filled("alias", "set", "other", "digits:v0", "--expect", "none").code == 0


def test_alias_ls_and_rm(filled: Any) -> None:
    assert filled("alias", "ls").out == "Classifier\tprod\tv0\tdigits:v0\ndigits\tbest\tv0\tdigits:v0\n"
    assert filled("alias", "ls", "digits").out == "digits\tbest\tv0\tdigits:v0\n"
    assert filled("alias", "rm", "best", "digits") == (0, "", "digits:best  was v0\n`mreg undo 6` takes it back\n")
    assert filled("alias", "ls", "digits").out == ""
    assert filled("alias", "rm", "best", "digits").code == 3


def test_tags_are_added_listed_and_removed(filled: Any, unchanged: Unchanged) -> None:
    assert filled("tag", "add", "Classifier", "small model", "vision") == (
        0,
        "small model\nvision\n",
        "tags of Classifier  + small model\n`mreg undo 6` takes it back\n",
    )
    filled.must("model", "create", "Other", "--tag", "vision")
    assert filled("tag", "ls").out == "small model\tClassifier\nvision\tClassifier, Other\n"
    assert filled("tag", "ls", "Other").out == "vision\n"
    with unchanged():
        assert filled("tag", "add", "Other", "vision").out == "vision\n"
        assert filled("tag", "rm", "Other", "vision", "nope").code == 3
    assert filled("tag", "rm", "Other", "vision") == (
        0,
        "",
        "tags of Other  - vision\n`mreg undo 8` takes it back\n",
    )


def test_card_is_set_from_file_input_and_editor(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert filled("card", "Classifier") == (0, "# Classifier\n\nTells *digits*.\n", "")
    assert filled("card", "Classifier", "--file", "card.md").errors == "the card of Classifier is unchanged\n"
    assert filled("card", "Classifier", "--file", "-", stdin=b"# From a pipe\n").code == 0
    assert filled("card", "Classifier").out == "# From a pipe\n"
    monkeypatch.setenv("EDITOR", "echo edited >>")
    assert (
        filled("card", "Classifier", "--edit").errors
        == "card of Classifier  +1 -0 lines\n`mreg undo 7` takes it back\n"
    )
    assert filled("card", "Classifier").out == "# From a pipe\nedited\n"
    monkeypatch.setenv("EDITOR", "false")
    assert filled("card", "Classifier", "--edit").code == 1
    assert filled("card", "Classifier").out == "# From a pipe\nedited\n"


@pytest.mark.parametrize("kind", ["artifact", "model"])
def test_a_collection_is_made_described_renamed_and_removed(mreg: Any, kind: str, unchanged: Unchanged) -> None:
    noun = kind
    assert mreg(kind, "create", "x", "-d", "first") == (0, "x\n", f"made {noun} x\n")
    with unchanged():
        assert mreg(kind, "create", "x") == (0, "x\n", f"{noun} x exists already\n")
    assert mreg(kind, "describe", "x", "what it is") == (
        0,
        "",
        "description of x  first -> what it is\n`mreg undo 2` takes it back\n",
    )
    assert mreg("--json", kind, "show", "x").json["description"] == "what it is"
    assert mreg(kind, "rename", "x", "y") == (0, "y\n", "x  renamed to y\n`mreg undo 3` takes it back\n")
    assert mreg(kind, "ls").out.startswith("y\t")
    assert mreg(kind, "rm", "y") == (
        0,
        "y\n",
        f"deleted {noun} y, and with it\n  description of y  what it is -> none\n`mreg undo 4` restores it\n",
    )
    assert mreg(kind, "ls") == (0, "", "")


def test_renaming_takes_versions_aliases_and_links_along(filled: Any) -> None:
    filled.must("artifact", "rename", "digits", "numbers")
    filled.must("model", "rename", "Classifier", "Reader")

    assert filled("resolve", "Reader:prod").out == "numbers:v0\n"
    assert filled("resolve", "numbers:best").out == "numbers:v0\n"
    assert filled("resolve", "digits").code == 3
    assert filled("cat", "numbers:v1", "weights.bin").out == "two" * 100


def test_collections_with_content_are_removed_only_by_force(filled: Any, unchanged: Unchanged) -> None:
    with unchanged():
        assert filled("artifact", "rm", "digits").code == 6
        assert filled("model", "rm", "Classifier").code == 6
    assert filled("model", "rm", "Classifier", "--force").code == 0
    assert filled("resolve", "digits:v0").code == 0
    assert filled("artifact", "rm", "digits", "--force").code == 0
    assert filled("ls").out == ""


def test_rm_is_refused_for_what_is_held_and_latest_steps_back(filled: Any, unchanged: Unchanged) -> None:
    with unchanged():
        held = filled("rm", "digits:v0")
    assert (held.code, held.out) == (6, "")
    assert "alias 'digits:best'" in held.errors
    assert "link 'Classifier:v0'" in held.errors
    assert "--force" in held.errors
    assert filled("rm", "digits:v1") == (
        0,
        "digits:v1\n",
        "deleted digits:v1\n`mreg undo 6` restores it during the next 14d (gc.grace)\n",
    )
    assert filled("resolve", "digits").out == "digits:v0\n"
    assert filled("rm", "digits:v1").code == 3
    assert filled.must("log", "two", "-a", "digits") == "digits:v2\n"


def test_search_finds_by_name_text_tag_and_alias(filled: Any) -> None:
    assert filled("search", "CLASS").out == "model\tClassifier\tprod=v0\tname\n"
    assert filled("search", "second").out == "version\tdigits:v1\t\tmessage: second\n"
    assert filled("search", "--tag", "vision").out == (
        "model\tClassifier\tprod=v0\ttags: vision\nversion\tdigits:v0\tbest\ttags: vision\n"
    )
    assert filled("search", "nowhere") == (0, "", "nothing found\n")


def test_history_tells_who_did_what_since_when(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MREG_AUTHOR", "ann")
    rows = filled("history").out.splitlines()
    seq = rows[-1].partition("\t")[0]
    filled.must("tag", "rm", "Classifier", "vision")

    line = filled("history", "--since", seq).out.rstrip("\n").split("\t")
    assert (line[0], line[2], *line[4:]) == (str(int(seq) + 1), "ann", "tags of Classifier", "- vision", "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line[1])
    assert len({row.split("\t")[0] for row in filled("history", "--limit", "2").out.splitlines()}) == 2
    assert len(filled("history", "digits").out.splitlines()) < len(rows)
    changes = filled("--json", "history", "--limit", "1").json["entries"][0]["changes"]
    assert [change["ref"] for change in changes] == ["registered/Classifier/model.toml"]


def test_rm_prints_on_a_terminal_what_it_deleted(mreg: Any, model: Model) -> None:
    for _ in range(2):
        mreg.must("log", model(), "-a", "digits", "--always")

    shown = mreg.terminal("rm", "digits:v0", "digits:v1").out.splitlines()

    assert sorted(line for line in shown if len(line.split()) < 2) == ["digits:v0", "digits:v1"]
    assert shown[0].startswith("deleted digits:v0 digits:v1")


def test_rm_and_undo_bring_back_the_version_with_all_that_held_it(filled: Any) -> None:
    filled.must("annotate", "digits:v0", "-m", "noted")
    shown = [filled("--json", "show", one).json for one in ("digits:v0", "digits", "Classifier")]
    files = filled.must("files", "digits:v0")
    removed = filled("--json", "rm", "digits:v0", "--force").json
    assert filled("resolve", "Classifier:prod").code == 3

    undone = filled("undo", str(removed["seq"]))

    assert (undone.code, undone.out) == (0, f"{removed['seq'] + 1}\n")
    told = undone.errors.splitlines()
    assert told == [
        f"entry {removed['seq']} is undone",
        "  digits:v0        added",
        "  digits:best      none -> v0",
        "  Classifier:prod  none -> v0 (digits:v0)",
        "  Classifier:v0    = digits:v0",
        f"`mreg undo {removed['seq'] + 1}` makes the change again",
    ]
    again = [filled("--json", "show", one).json for one in ("digits:v0", "digits", "Classifier")]
    assert [one | {"changed": None} for one in again] == [one | {"changed": None} for one in shown]
    assert filled.must("files", "digits:v0") == files
    assert filled("fsck", "--full").code == 0


def test_undo_of_an_undo_makes_the_change_again(filled: Any) -> None:
    filled.must("alias", "set", "best", "digits:v1")

    first, second = filled("--json", "undo", "6").json, filled("-q", "undo", "7")

    assert (first["seq"], first["command"]) == (7, "undo 6")
    assert first["changes"] == [
        {
            "ref": "aliases/digits/best",
            "old": "v1",
            "new": "v0",
            "kind": "alias",
            "name": "digits:best",
            "version": "digits:v0",
            "details": [],
        }
    ]
    assert second == (0, "8\n", "")
    assert filled("resolve", "digits:best").out == "digits:v1\n"
    rows = [line.split("\t") for line in filled.must("history", "--since", "5").splitlines()]
    assert [(row[0], *row[4:]) for row in rows] == [
        ("6", "digits:best", "v0 -> v1", ""),
        ("7", "entry 6 undone", "", ""),
        ("7", "digits:best", "v1 -> v0", ""),
        ("8", "entry 7 undone", "", ""),
        ("8", "digits:best", "v0 -> v1", ""),
    ]


def test_undo_tells_many_versions_in_one_line(mreg: Any, model: Model) -> None:
    for n in range(12):
        mreg.must("log", model("m", {"w": b"%d" % n}), "-a", "many")

    result = mreg("undo", str(mreg("--json", "artifact", "rm", "many", "--force").json["seq"]))

    assert result.errors == (
        "entry 13 is undone\n  many  v0-v11 added\n  many  new artifact\n`mreg undo 14` makes the change again\n"
    )
    assert len(mreg.must("ls", "many").splitlines()) == 12


def test_history_says_on_a_terminal_how_to_take_a_change_back(filled: Any) -> None:
    shown = filled.terminal("history")

    assert shown.out.endswith("`mreg undo 5` takes the last one back\n")
    assert filled("history").errors == ""


def disk_use(home: Path) -> int:
    """Bytes of all packs and records, as the file system counts them."""
    places = (home / ".mreg" / part for part in ("packs", "objects"))
    return sum(path.stat().st_size for place in places for path in place.rglob("*") if path.is_file())


def _log_many(mreg: Any, model: Model) -> None:
    for _ in range(5):
        mreg.must("log", model("m", {"w": os.urandom(5000)}), "-a", "digits")
    mreg.must("alias", "set", "best", "digits:v0")
    mreg.must("link", "digits:v1", "Reader")


def test_gc_lets_versions_expire_and_frees_what_the_dry_run_foretold(
    mreg: Any, model: Model, unchanged: Unchanged
) -> None:
    _log_many(mreg, model)
    before = disk_use(mreg.home)

    with unchanged():
        would = mreg("gc", "--dry-run", "--grace", "0", "--keep-last", "1")
        document = mreg("--json", "gc", "--dry-run", "--grace", "0", "--keep-last", "1").json
    done = mreg("gc", "--grace", "0", "--keep-last", "1")

    freed = before - disk_use(mreg.home)
    assert (would.code, done.code) == (0, 0)
    assert would.out == done.out == f"{freed}\n"
    assert freed > 10_000
    assert would.errors.splitlines()[0] == "2 versions of digits would expire: v2 v3"
    assert document["expired"] == ["digits:v2", "digits:v3"]
    assert (document["bytes"], document["seq"]) == (freed, None)
    assert "2 versions of digits expired: v2 v3" in done.errors.splitlines()
    assert "undo" not in done.errors
    assert [line.split("\t")[0] for line in mreg.must("ls", "digits").splitlines()] == ["v0", "v1", "v4"]
    assert mreg("undo", "8").code == 6
    assert mreg("fsck", "--full").code == 0


def test_gc_says_what_is_free_now_and_what_later_and_how_it_comes_back(mreg: Any, model: Model) -> None:
    _log_many(mreg, model)
    before = disk_use(mreg.home)

    done = mreg("gc", "--keep-last", "1")

    kept = mreg("--json", "gc", "--dry-run").json["kept"]
    assert (done.code, done.out) == (0, "0\n")
    assert done.errors.splitlines() == [
        "2 versions of digits expired: v2 v3",
        "0 B freed: 0 packs, 0 records",
        f"{kept / 1024:.1f} KiB more will be freed after the grace period",
        "until then, `mreg undo 8` restores the expired versions",
    ]
    assert disk_use(mreg.home) == before
    assert mreg("undo", "8").code == 0
    assert len(mreg.must("ls", "digits").splitlines()) == 5


def test_gc_follows_the_policy_of_the_settings(mreg: Any, model: Model) -> None:
    _log_many(mreg, model)
    mreg.must("config", "set", "gc.keep-last", "1")
    mreg.must("config", "set", "gc.older-than", "30d")

    assert mreg("--json", "gc", "--dry-run").json["expired"] == []
    assert mreg("--json", "gc", "--dry-run", "--older-than", "0").json["expired"] == ["digits:v2", "digits:v3"]
    assert mreg("--json", "gc", "--dry-run", "--older-than", "0", "--keep-last", "2").json["expired"] == ["digits:v2"]


def test_gc_gives_back_what_it_says_after_the_grace(filled: Any, unchanged: Unchanged) -> None:
    filled.must("rm", "digits:v1")
    with unchanged():
        kept = filled("gc")  # the journal remembers the version, so that it can be taken back
        would = filled("gc", "--dry-run", "--grace", "0")
    assert (kept.code, kept.out) == (0, "0\n")
    assert re.fullmatch(r"0 B freed: 0 packs, 0 records\n.* more will be freed after .*\n", kept.errors)
    before = sum(path.stat().st_size for path in (filled.home / ".mreg").rglob("*") if path.is_file())

    done = filled("gc", "--grace", "0")

    assert done.out == would.out != "0\n"
    assert "grace 0:" in done.errors
    after = sum(path.stat().st_size for path in (filled.home / ".mreg").rglob("*") if path.is_file())
    entry = max((filled.home / ".mreg" / "journal" / "000000").iterdir()).stat().st_size
    assert abs(before - after - int(done.out) + entry) <= 16  # the mark of what is applied may grow by a digit
    assert filled("fsck", "--full").code == 0


def test_fsck_and_du_tell_what_they_counted(filled: Any) -> None:
    clean = filled("fsck", "--full")
    assert (clean.code, clean.out) == (0, "")
    assert re.search(r"no damage found; .* 2 versions, 2 packs, 3 chunks", clean.errors)
    assert filled("du").out.splitlines() == [
        "versions: 2",
        "logical:  604 B (604 bytes)",
        "unique:   602 B (602 bytes)",
        "stored:   52 B (52 bytes)",
        "digits\t2\t604 B\t602 B\t52 B",
    ]
    assert filled("--json", "du", "Classifier").json["versions"] == 1


def test_du_and_gc_repack_tell_what_a_deletion_gives_back(mreg: Any, model: Model) -> None:
    shared = os.urandom(50_000)
    mreg.must("log", model("one", {"a.bin": shared, "b.bin": os.urandom(300_000)}), "-a", "one")
    mreg.must("log", model("two", {"a.bin": shared}), "-a", "two")

    (item,) = mreg("--json", "du", "one").json["items"]
    shown = mreg("du", "one").out.splitlines()[-1].split("\t")
    mreg.must("rm", "one:v0")
    before = sum(path.stat().st_size for path in (mreg.home / ".mreg" / "packs").rglob("*.pack"))
    would = mreg("gc", "--repack", "--dry-run", "--grace", "0")
    done = mreg("gc", "--repack", "--grace", "0")
    after = sum(path.stat().st_size for path in (mreg.home / ".mreg" / "packs").rglob("*.pack"))

    assert shown[:5] == ["one:v0", "1", "341.8 KiB", "341.8 KiB", "341.8 KiB"]
    assert item["frees"] < 1000 < 300_000 <= item["own"]
    assert would.out == done.out
    assert "1 pack would be rewritten\n" in would.errors and "1 pack was rewritten\n" in done.errors
    assert int(done.out) == before - after + item["frees"]
    assert mreg("fsck", "--full").code == 0


def test_settings_are_read_and_changed(mreg: Any, unchanged: Unchanged) -> None:
    assert mreg("config", "get", "gc.grace") == (0, "14d\n", "")
    assert mreg("config", "set", "gc.grace", "2h") == (0, "", "gc.grace is 2h now\n")
    assert mreg("config", "get", "gc.grace").out == "2h\n"
    assert mreg("config", "set", "log.exclude", "*.log tmp/").code == 0
    assert mreg("config", "get", "log.exclude").out == "*.log tmp/\n"
    assert [line.split("\t")[0] for line in mreg.must("config", "ls").splitlines()] == [
        "core.shared",
        "gc.grace",
        "gc.keep-best",
        "gc.keep-last",
        "gc.keep-where",
        "gc.older-than",
        "lock.timeout",
        "log.capture",
        "log.compress",
        "log.exclude",
        "metrics.direction",
        "use.hard-links",
    ]
    with unchanged():
        assert mreg("config", "set", "gc.grace", "soon").code == 2
        assert mreg("config", "set", "gc.grce", "1d").code == 3


def test_version_needs_no_repository(bare: Any) -> None:
    from mreg import __version__

    assert bare("version").out.splitlines()[0] == f"mreg:    {__version__}"
    assert bare("--version") == (0, f"mreg {__version__}\n", "")
    assert bare.process("--version") == (0, f"mreg {__version__}\n", "")


def test_every_command_has_help(bare: Any) -> None:
    from mreg.cli.registry import COMMANDS

    lines = [[name] for name in COMMANDS] + [
        [name, sub] for name, entry in COMMANDS.items() for sub in entry.group or {}
    ]
    for line in [[], *lines]:
        result = bare(*line, "--help")
        assert (result.code, result.errors) == (0, ""), line
        assert f"mreg {' '.join(line)}".strip() in result.out


# What scripts rely on: the keys of every document.

VERSION = (
    "aliases artifact author base_models created digest files host inputs licenses links manifest message metadata "
    "model_aliases model_tags name number origin run size sources tags type"
)
CHANGE = "details kind name new old ref version"
LINK = "aliases artifact digest model name number version_number"
MODEL = "aliases card changed description links name tags type"
ARTIFACT = "aliases changed description latest name size type versions"


def with_parts(keys: str) -> str:
    return " ".join(sorted([*keys.split(), "attachments", "properties"]))


KEYS: list[tuple[str, str, dict[str, str]]] = [
    ("init", "created id location", {}),
    ("upgrade", "before format seq", {}),
    ("completion bash", "script shell", {}),
    (
        "log one -a digits",
        "bytes_read changes created expires fetched files_read healed left_out links milliseconds models_created "
        "new noticed seq stored version",
        {"version": VERSION},
    ),
    ("use digits", "path", {}),
    ("get digits", "cloned damaged kept others path removed version written", {}),
    ("resolve digits", "artifact digest link model name number remote", {}),
    ("ls", "artifacts models", {"artifacts.0": ARTIFACT, "models.0": MODEL, "models.0.links.0": LINK}),
    ("ls digits", "kind name versions", {"versions.0": VERSION, "versions.1.inputs.0": "reference version"}),
    ("ls Classifier", "kind links name versions", {"links.0": LINK, "versions.0": VERSION}),
    ("show digits:v0", with_parts(f"{VERSION} consumers derived expires"), {}),
    ("show digits", with_parts(ARTIFACT), {}),
    ("show Classifier", with_parts(MODEL), {"links.0": LINK}),
    ("files digits", "files folders", {"files.0": "digest executable path size"}),
    (
        "diff digits:v0 digits:v1",
        "added added_folders after before changed metadata removed removed_folders tensors",
        {
            "changed.0": "after before",
            "changed.0.after": "digest executable path size",
            "metadata.m.acc": "after before difference",
            "tensors": "added cast changed counts equal removed renamed reshaped skipped",
        },
    ),
    ("annotate digits -m x", "changed changes seq version", {"version": VERSION}),
    ("rm digits:v1", "changes seq versions", {}),
    *(
        (
            line,
            "ahead bytes changes chunks dry_run reserved seq source target versions",
            {"versions.0": "digest size source state version"},
        )
        for line in ("clone . copy", "push copy --all", "pull copy --all", "bundle create x --all")
    ),
    ("mirror twin", "bytes entries source target", {}),
    (
        "import runs",
        "collections dry_run notes source system",
        {
            "collections.0": "aliases artifact changes kept name new renamed seq stored versions",
            "collections.0.versions.0": "author files id inputs message metadata partial size state tags time version",
            "collections.0.changes.0": CHANGE,
        },
    ),
    ("export digits --folder out", "cloned dry_run files form notes path size version", {}),
    ("link digits Classifier", "changes created link model_created seq", {"link": LINK}),
    ("unlink Classifier:v0 --force", "changes link seq", {"link": LINK}),
    ("alias set new digits", "alias before changes name number seq version", {}),
    ("alias rm best digits", "alias before changes name seq", {}),
    ("alias rollback best digits", "alias before changes name number seq version", {}),
    ("alias ls", "aliases", {"aliases.0": "alias name number version"}),
    ("tag add Classifier x", "changes model seq tags", {}),
    ("tag rm Classifier vision", "changes model seq tags", {}),
    ("tag ls", "tags", {}),
    ("tag ls Classifier", "model tags", {}),
    ("card Classifier", "card fields model tags version", {}),
    ("card Classifier --file card.md", "changed changes model seq", {}),
    ("artifact create x", "changes created name seq", {}),
    ("artifact ls", "artifacts", {"artifacts.0": ARTIFACT}),
    ("artifact show digits", with_parts(ARTIFACT), {}),
    ("artifact describe digits x", "changes description name seq", {}),
    ("artifact rename digits x", "before changes name seq", {}),
    ("artifact rm digits --force", "changes name seq", {}),
    ("model create x", "changes created name seq", {}),
    ("model ls", "models", {"models.0": MODEL}),
    ("model show Classifier", with_parts(MODEL), {}),
    ("model describe Classifier x", "changes description name seq", {}),
    ("model rename Classifier x", "before changes name seq", {}),
    ("model rm Classifier --force", "changes name seq", {}),
    ("search digits", "artifacts models versions", {"artifacts.0": ARTIFACT}),
    ("search second", "artifacts models versions", {"versions.0": VERSION}),
    ("search Class", "artifacts models versions", {"models.0": MODEL}),
    (
        "history",
        "entries",
        {"entries.0": "changes command host message move seq time who", "entries.0.changes.0": CHANGE},
    ),
    ("undo 2", "changes command host message move seq time who", {"changes.0": CHANGE}),
    ("metrics digits m.acc", "aliases at left_out metrics name versions x", {}),
    (
        "lineage digits",
        "digest nodes steps",
        {"nodes.0": "aliases author commit consumers created digest dirty links name run sources state"},
    ),
    ("html report.html", "pages path size", {}),
    ("du", "items logical stored unfinished unique versions", {}),
    ("gc", "bytes changes expired kept packs reasons records repacked seq unfinished", {}),
    ("fsck", "bytes_read chunks_read entries findings packs refs repaired unfinished versions", {}),
    ("cache ls", "copies other path ready tables unfinished", {}),
    ("cache prune", "busy bytes held left removed", {}),
    ("config get gc.grace", "name value", {}),
    ("config set gc.grace 1d", "name value", {}),
    ("config ls", "faults settings", {}),
    ("remote add team ./team", "location name seq", {}),
    ("remote set team ./other", "location name seq", {}),
    ("remote ls", "remotes", {"remotes.0": "followed location name user"}),
    ("remote rm team", "name seq", {}),
    ("version", "formats mreg python", {"formats": "journal packs records repository"}),
]


@pytest.mark.parametrize(("line", "keys", "inside"), KEYS, ids=[line for line, _, _ in KEYS])
def test_json_documents_keep_their_keys(
    filled: Any, model: Callable[..., str], line: str, keys: str, inside: dict[str, str]
) -> None:
    if line.startswith("remote") and "add" not in line:
        filled.must("remote", "add", "team", "./elsewhere")
    if line.startswith("alias rollback"):
        filled.must("alias", "rm", "best", "digits")
    if "copy --all" in line:
        filled.must("clone", ".", "copy")
    if line.startswith("import"):
        model("runs/checkpoint-1")

    result = filled("--json", *line.split())

    assert result.code == 0, result
    assert result.errors == ""
    assert result.out.count("\n") == 1, "one line in a pipe"
    assert " ".join(sorted(result.json)) == keys
    for path, expected in inside.items():
        value = result.json
        for step in path.replace("m.acc", "m/acc").split("."):
            value = value[int(step)] if isinstance(value, list) else value[step.replace("/", ".")]
        assert " ".join(sorted(value)) == expected, path


def test_json_keys_are_tested_for_every_command() -> None:
    from mreg.cli.registry import COMMANDS

    every = {(name,) for name, entry in COMMANDS.items() if not entry.group}
    every |= {(name, sub) for name, entry in COMMANDS.items() for sub in entry.group or {}}
    tested = {tuple(line.split()[: 2 if COMMANDS[line.split()[0]].group else 1]) for line, _, _ in KEYS}
    assert every - tested == {("cat",), ("help",)}, "the bytes of a file, whatever they are, and a page of text"


@pytest.mark.parametrize("line", ["resolve digits", "alias ls", "artifact show digits", "config get gc.grace", "du"])
def test_json_may_stand_before_and_behind_the_commands_name(filled: Any, line: str) -> None:
    first, *rest = line.split()
    documents = {
        filled(*words).out for words in (["--json", first, *rest], [first, "--json", *rest], [first, *rest, "--json"])
    }

    assert len(documents) == 1
    assert json.loads(documents.pop())


def test_json_keeps_names_that_are_not_unicode_apart(filled: Any) -> None:
    """A path is bytes; JSON is text. The text must be one that `os.fsencode` turns back."""
    folder = os.fsencode(filled.home) + b"/out-\xff"

    result = filled("--json", "get", "digits", "-o", os.fsdecode(folder))

    assert result.code == 0, result
    assert os.fsencode(result.json["path"]) == folder


def test_get_names_what_is_not_of_the_version_and_removes_it(filled: Any, home: Path) -> None:
    filled.must("get", "digits:v0", "-o", "out")
    (home / "out" / "old.bin").write_bytes((home / "out" / "weights.bin").read_bytes())

    named = filled("get", "digits:v0", "-o", "out")
    quiet = filled("-q", "get", "digits:v0", "-o", "out")
    removed = filled("get", "digits:v0", "-o", "out", "--exact")

    assert (named.code, named.out) == (0, f"{home / 'out'}\n")
    assert "not part of digits:v0, but still there: old.bin\n" in named.errors
    assert "`mreg get --exact` removes files that are not part of the version\n" in named.errors
    assert quiet.errors == "not part of digits:v0, but still there: old.bin\n"
    assert (removed.code, removed.out) == (0, f"{home / 'out'}\n")
    assert "removed, as not part of digits:v0: old.bin\n" in removed.errors
    assert not (home / "out" / "old.bin").exists()


def test_get_exact_is_refused_where_something_would_be_lost(filled: Any, home: Path) -> None:
    filled.must("get", "digits:v0", "-o", "out")
    (home / "out" / "notes.txt").write_text("mine")

    refused = filled("get", "digits:v1", "-o", "out", "--exact")
    forced = filled("get", "digits:v1", "-o", "out", "--exact", "--force", "--json")

    assert (refused.code, refused.out) == (6, "")
    assert refused.errors == (
        "error: nothing was written or removed: the repository has no copy of 1 of the files in "
        f"{home / 'out'}: 'notes.txt'\n"
        "hint: move them away, or repeat the command with --force, which removes them too\n"
    )
    assert forced.json["removed"] == ["notes.txt"]


def test_get_force_goes_with_exact(filled: Any) -> None:
    result = filled("get", "digits:v0", "-o", "out", "--force")

    assert (result.code, result.out) == (2, "")
    assert "--exact" in result.errors


def test_a_collection_may_count_from_one(mreg: Any, model: Model) -> None:
    """As MLflow does."""
    made = mreg("artifact", "create", "counted", "--first", "1")
    again = mreg("artifact", "create", "counted", "--first", "1")
    mreg("model", "create", "Digits", "--first", "1")
    logged = mreg("log", model(), "-a", "counted", "--link", "Digits")
    missing = mreg("show", "counted:v0")
    refused = mreg("artifact", "create", "counted", "--first", "3")

    assert made == (0, "counted\n", "made artifact counted\n")
    assert again == (0, "counted\n", "artifact counted exists already\n")
    assert logged[1] == "counted:v1\n"
    assert "Digits:v1" in mreg("show", "counted:v1")[1]
    assert missing == (
        3,
        "",
        "error: version v0 of 'counted' is not here: its number is reserved\n"
        "hint: list the versions with `mreg ls counted`\n",
    )
    assert refused[:2] == (6, "")
    assert "the numbers of 'counted' cannot start at 3: v1 was already given" in refused[2]
    assert "reserved" in mreg("history", "counted")[1]


def test_ls_names_the_numbers_whose_versions_are_not_here(mreg: Any, model: Model, home: Path) -> None:
    mreg.must("log", model(), "-a", "a")
    with Repository.open(home) as repo:
        repo._context.commit("pull", lambda draft: reserve(draft, VersionKey("a", 1), "ab" * 32))

    code, out, err = mreg("ls", "a")

    assert (code, out.count("\n")) == (0, 1)
    assert err == "not here: v1 (@abababababab)\n"


def test_a_version_of_another_type_is_linked_only_by_force(mreg: Any, model: Model) -> None:
    mreg.must("log", model(), "-a", "images", "--type", "dataset")
    mreg.must("model", "create", "Digits")
    mreg.must("model", "create", "Pictures", "--type", "dataset")

    refused = mreg("link", "images:v0", "Digits")
    forced = mreg("link", "images:v0", "Digits", "--force")
    fits = mreg("link", "images:v0", "Pictures")
    listed = mreg("model", "ls")

    assert refused == (
        6,
        "",
        "error: images:v0 is of type 'dataset', and registered model 'Digits' is for type 'model'\n"
        "hint: `mreg link --force` links it anyway; `mreg model create --type` creates a model for another type\n",
    )
    assert forced[:2] == (0, "Digits:v0\n")
    assert fits[:2] == (0, "Pictures:v0\n")
    assert "Pictures\tdataset\t1" in listed[1]
    assert "dataset" in mreg("model", "show", "Pictures")[1]


def test_versions_have_tags_of_their_own(mreg: Any, model: Model) -> None:
    mreg.must("log", model(), "-a", "digits", "--link", "Classifier")
    mreg.must("tag", "add", "Classifier", "vision")

    added = mreg("tag", "add", "digits:v0", "reviewed", "vision")
    again = mreg("tag", "add", "digits:v0", "vision")
    listed, of_one = mreg("tag", "ls"), mreg("tag", "ls", "Classifier:v0")
    found = mreg("search", "--where", "tag = 'reviewed'", "--count")
    removed = mreg("tag", "rm", "digits:v0", "vision")
    unknown = mreg("tag", "rm", "digits:v0", "revewed")

    assert added == (0, "reviewed\nvision\n", "tags of digits:v0  + reviewed, + vision\n`mreg undo 3` takes it back\n")
    assert again == (0, "reviewed\nvision\n", "the tags of digits:v0 are unchanged\n")
    assert listed == (0, "reviewed\tdigits:v0\nvision\tClassifier, digits:v0\n", "")
    assert of_one == (0, "reviewed\nvision\n", "")
    assert found[:2] == (0, "1\n")
    assert removed[:2] == (0, "reviewed\n")
    assert unknown == (3, "", "error: 'digits:v0' has no tag 'revewed'\nhint: did you mean `reviewed`?\n")
    assert "tags: " in mreg("show", "digits:v0")[1]
    assert "reviewed" in mreg("ls", "digits")[1]
    assert "reviewed" in mreg("ls", "Classifier")[1]
