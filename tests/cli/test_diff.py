"""`mreg diff` as people and scripts meet it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

Log = Callable[..., None]

WEIGHTS = np.arange(1, 5001, dtype="f4")
BEFORE = {
    **{f"layers.{n}.mlp.weight": WEIGHTS * (n + 1) for n in range(11)},
    **{"head.bias": np.zeros(10, "f4"), "old": WEIGHTS[::-1].copy(), "gone": np.arange(3), "flag": np.array([True])},
}
AFTER = {
    **BEFORE,
    "layers.2.mlp.weight": WEIGHTS * 6,
    "layers.10.mlp.weight": WEIGHTS * 11.5,
    "layers.4.mlp.weight": np.where(WEIGHTS < 3, np.float32("nan"), WEIGHTS * 5),
    "layers.5.mlp.weight": (WEIGHTS * 6).astype("f2"),
    "head.bias": np.zeros(12, "f4"),
    "new": BEFORE["old"],
    "added": np.ones((2, 3), "f8"),
    "flag": np.array([False]),
}
del AFTER["old"], AFTER["gone"]


@pytest.fixture
def log(mreg: Any) -> Log:
    """Log a model of these tensors as the next version of `net`."""
    numbers = iter(range(100))

    def log(tensors: Mapping[str, Any], *options: str, others: Mapping[str, bytes] | None = None) -> None:
        folder = mreg.home / f"model-{next(numbers)}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(save(dict(tensors)))
        for name, data in (others or {}).items():
            (folder / name).write_bytes(data)
        mreg.must("log", folder.name, "-a", "net", *options)

    return log


@pytest.fixture
def logged(mreg: Any, log: Log) -> Any:
    """Two versions of `net` that differ in all ways."""
    log(BEFORE, "--meta", "acc=0.91", "--meta", "lr=0.001", "--meta", "opt=adam")
    log(AFTER, "--meta", "acc=0.97", "--meta", "lr=0.0003", "--meta", "opt=sgd", others={"tokens.json": b"{}"})
    return mreg


COUNTS = "16 tensors: 1 added, 1 removed, 1 renamed, 4 changed, 1 cast, 1 reshaped, 7 equal"


def test_diff_counts_the_tensors_of_a_file_that_differ(logged: Any) -> None:
    assert logged("diff", "net:v0", "net:v1") == (
        0,
        "+\ttokens.json\t2 B\n"
        f"~\tmodel.safetensors\t235.6 KiB -> 225.9 KiB, {COUNTS}\n"
        "=\tacc\t0.91 -> 0.97\n=\tlr\t0.001 -> 0.0003\n=\topt\tadam -> sgd\n",
        "--tensors lists the tensors\n",
    )


def test_diff_on_a_terminal_has_arrows_and_says_what_is_compared(logged: Any) -> None:
    shown = logged.terminal("diff", "net:v0", "net:v1", "--no-color")

    assert shown.out.splitlines() == [
        "net:v0 -> net:v1",
        "+ tokens.json        2 B",
        "~ model.safetensors  235.6 KiB -> 225.9 KiB",
        f"    {COUNTS}",
        "= acc                0.91 -> 0.97  ▲ 0.06",
        "= lr                 0.001 -> 0.0003  ▼ 0.0007",
        "= opt                adam -> sgd",
        "--tensors lists the tensors",
    ]


def test_diff_lists_tensors_with_what_blew_up_and_what_changed_most_at_the_top(logged: Any) -> None:
    result = logged("diff", "net:v0", "net:v1", "--tensors")

    assert (result.code, result.errors) == (0, "")
    assert [line.split("\t") for line in result.out.splitlines()] == [
        [
            "!",
            "layers.4.mlp.weight",
            "[5000]",
            "F32",
            "0",
            "0",
            "0.04 %",
            "1.00000",
            "1.02e+06 -> 1.02e+06",
            "0 -> 2 NaN",
        ],
        ["~", "layers.2.mlp.weight", "[5000]", "F32", "1", "1.5e+04", "100 %", "1.00000", "6.12e+05 -> 1.22e+06", ""],
        [
            "~",
            "layers.10.mlp.weight",
            "[5000]",
            "F32",
            "0.045",
            "2.5e+03",
            "100 %",
            "1.00000",
            "2.25e+06 -> 2.35e+06",
            "",
        ],
        ["~", "flag", "[1]", "BOOL", "", "1", "100 %", "", "", ""],
        ["c", "layers.5.mlp.weight", "[5000]", "F32 -> F16", "", "", "", "", "", "rounded: equal after the cast"],
        ["s", "head.bias", "[10] -> [12]", "F32", "", "", "", "", "", ""],
        ["r", "old -> new", "[5000]", "F32", "", "", "", "", "", "same bytes"],
        ["+", "added", "[2,3]", "F64", "", "", "", "", "", ""],
        ["-", "gone", "[3]", "I64", "", "", "", "", "", ""],
    ]


@pytest.mark.parametrize(("columns", "gone"), [("120", ""), ("100", "norm"), ("85", "cosine"), ("75", "largest")])
def test_a_narrow_terminal_does_without_columns_and_cuts_no_name(columns: str, gone: str, logged: Any) -> None:
    shown = logged.terminal(
        "diff", "net:v0", "net:v1", "--tensors", "layers.*", "--no-color", environment={"COLUMNS": columns}
    ).out.splitlines()

    assert shown[0] == "net:v0 -> net:v1   11 tensors: 3 changed, 1 cast, 7 equal"
    assert gone not in shown[1] or not gone
    assert [line.split()[1] for line in shown[2:]] == [f"layers.{n}.mlp.weight" for n in (4, 2, 10, 5)]
    assert max(map(len, shown[1:-1])) <= int(columns)


def test_diff_sums_tensors_up_by_layer(logged: Any) -> None:
    assert logged("diff", "net:v0", "net:v1", "--stat").out.splitlines() == [
        "!\tlayers.*.mlp\t11\t4\t1\t2\t\t0 -> 2 NaN",
        "~\tflag\t1\t1\t\t\t\t",
        "s\thead.bias\t1\t1\t\t\t\t",
        "\tnew\t1\t\t\t\t\t",
        "+\tadded\t1\t\t\t\t\t",
        "-\tgone\t1\t\t\t\t\t",
    ]


def test_a_layer_is_named_up_to_the_part_behind_its_last_number(log: Log, mreg: Any) -> None:
    names = [
        "model.layers.0.mlp.down.weight",
        "model.layers.1.mlp.down.weight",
        "model.layers.1.attn.q.weight",
        "encoder.block.0.layer.1.DenseReluDense.wi",
        "model.norm.weight",
        "blk.0",
    ]
    log(dict.fromkeys(names, WEIGHTS))
    log({name: WEIGHTS + n + 1 for n, name in enumerate(names)})

    rows = [row.split("\t") for row in mreg.must("diff", "net:v0", "net:v1", "--stat").splitlines()]

    assert {row[1]: row[2] for row in rows} == {
        "model.layers.*.mlp": "2",
        "model.layers.*.attn": "1",
        "encoder.block.*.layer.*.DenseReluDense": "1",
        "model.norm": "1",
        "blk.*": "1",
    }


@pytest.mark.parametrize("options", [(), ("--tensors",), ("--stat",)])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "it is a Git LFS pointer"),
        (save({"a": WEIGHTS})[:5], "it does not start like a safetensors file"),
        (save({"a": WEIGHTS})[:30], "it contradicts its format, or itself"),
        (b"<html>404</html>", "it does not start like a safetensors file"),
    ],
)
def test_a_file_that_is_not_what_it_is_called_is_never_told_equal(
    data: bytes, reason: str, options: tuple[str, ...], log: Log, mreg: Any
) -> None:
    log({"a": WEIGHTS}, others={"other.safetensors": save({"a": WEIGHTS})})
    log({"a": WEIGHTS}, others={"other.safetensors": data})

    result = mreg("diff", "net:v0", "net:v1", *options)

    assert "other.safetensors" in result.out + result.errors
    assert not options or reason in result.out + result.errors


def test_layers_on_a_terminal_have_bars(log: Log, mreg: Any) -> None:
    log({"a.x": WEIGHTS, "b.x": WEIGHTS * 2, "c.x": WEIGHTS * 3})
    log({"a.x": WEIGHTS * 2, "b.x": WEIGHTS * 3, "c.x": WEIGHTS * 3})

    shown = mreg.terminal("diff", "net:v0", "net:v1", "--stat", "--no-color").out.splitlines()

    assert shown[2:] == [
        "~  a.x          1       1         1  ██████████",
        "~  b.x          1       1       0.5  █████·····",
        "   c.x          1                    ··········",
    ]


def test_the_layer_that_blew_up_comes_first(log: Log, mreg: Any) -> None:
    infinite, nan = (np.where(WEIGHTS < 3, np.float32(one), WEIGHTS) for one in ("inf", "nan"))
    log(dict.fromkeys(("a.x", "b.x", "c.x"), WEIGHTS))
    log({"a.x": WEIGHTS * 2, "b.x": infinite, "c.x": nan})

    rows = [row.split("\t") for row in mreg.must("diff", "net:v0", "net:v1", "--stat").splitlines()]

    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("!", "b.x", "0 -> 2 infinite"),
        ("!", "c.x", "0 -> 2 NaN"),
        ("~", "a.x", ""),
    ]


def test_a_file_that_cannot_be_read_is_not_counted_as_a_tensor(log: Log, mreg: Any) -> None:
    whole = save({"a": WEIGHTS})
    log({"b": WEIGHTS}, others={"cut.safetensors": whole})
    log({"b": WEIGHTS * 2}, others={"cut.safetensors": whole[:-100]})

    shown = mreg.terminal("diff", "net:v0", "net:v1", "--no-color").out

    assert "    1 tensor: 1 changed\n" in shown
    assert "1 file skipped\n" in shown or "; 1 file skipped\n" in shown


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("relative", [4, 2, 10]),
        ("name", [4, 2, 10]),
        ("max", [4, 2, 10]),
    ],
)
def test_what_blew_up_comes_first_in_every_order(sort: str, order: list[int], logged: Any) -> None:
    rows = logged.must("diff", "net:v0", "net:v1", "--tensors", "layers.*", "--sort", sort, "--limit", "3").splitlines()

    assert [row.split("\t")[1] for row in rows] == [f"layers.{n}.mlp.weight" for n in order]


def test_equal_tensors_are_listed_when_asked_for(logged: Any) -> None:
    rows = logged.must("diff", "net:v0", "net:v1", "--tensors", "layers.*", "--all").splitlines()

    assert [row.split("\t")[1] for row in rows if row.startswith("=")] == [
        f"layers.{n}.mlp.weight" for n in (0, 1, 3, 6, 7, 8, 9)
    ]


def test_json_has_every_tensor_and_no_number_that_is_none(log: Log, mreg: Any) -> None:
    log({"a": np.zeros(4000, "f4"), "b": np.zeros(3, "i4")})
    log({"a": np.ones(4000, "f4"), "b": np.ones(3, "i4")})

    found = mreg("diff", "net:v0", "net:v1", "--tensors", "--json").json["tensors"]

    assert found["counts"] == dict.fromkeys(
        ("added", "removed", "renamed", "cast", "reshaped", "skipped", "equal"), 0
    ) | {"changed": 2}
    a, b = found["changed"]
    assert a["before"] == {
        **{"name": "a", "group": "model.safetensors", "file": "model.safetensors", "dtype": "F32"},
        **{"shape": [4000], "elements": 4000, "bytes": 16000, "tied_to": None},
    }
    assert (a["relative"], a["cosine"], a["norm_before"]) == (None, None, 0)
    assert a["norm_after"] == pytest.approx(math.sqrt(4000))
    assert (b["values"], b["largest"], b["changed"], b["relative"]) == (True, 1, 1, None)


def test_metadata_in_json_has_the_difference_of_numbers(logged: Any) -> None:
    assert logged("diff", "net:v0", "net:v1", "--json").json["metadata"] == {
        "acc": {"before": 0.91, "after": 0.97, "difference": 0.06},
        "lr": {"before": 0.001, "after": 0.0003, "difference": -0.0007},
        "opt": {"before": "adam", "after": "sgd", "difference": None},
    }


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 7),
        (("--files",), 7),
        (("--metadata",), 7),
        (("--tensors",), 0),
        (("--tensors", "--metadata"), 7),
        (("--stat",), 0),
    ],
)
def test_the_exit_code_tells_whether_what_is_shown_differs(
    options: tuple[str, ...], code: int, log: Log, mreg: Any
) -> None:
    log(BEFORE)
    log(BEFORE, "--meta", "acc=1", others={"more.txt": b"1"})

    result = mreg("diff", "net:v0", "net:v1", "--exit-code", *options)

    assert result.code == code
    assert mreg("diff", "net:v0", "net:v1", *options).code == 0
    assert bool(re.search("do(es)? not differ", result.errors)) == (code == 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "net:v0 and net:v1 do not differ"),
        (("--files",), "the files of net:v0 and net:v1 do not differ"),
        (("--metadata",), "the metadata of net:v0 and net:v1 does not differ"),
        (("--tensors",), "the tensors of net:v0 and net:v1 do not differ"),
        (("--stat", "--files", "--metadata"), "the files, metadata and tensors of net:v0 and net:v1 do not differ"),
        (("--tensors", "a", "b*"), "no tensor of net:v0 and net:v1 that matches 'a' or 'b*' differs"),
        (
            ("--tensors", "a", "--metadata"),
            "the metadata of net:v0 and net:v1 does not differ, and no tensor of net:v0 and net:v1 that matches 'a' "
            "differs",
        ),
    ],
)
def test_what_does_not_differ_is_what_was_compared(options: tuple[str, ...], said: str, log: Log, mreg: Any) -> None:
    log({"a": WEIGHTS, "b": WEIGHTS * 2})
    log({"a": WEIGHTS, "b": WEIGHTS * 2}, "--always")

    result = mreg("diff", "net:v0", "net:v1", "--exit-code", *options)

    assert (result.code, result.errors) == (0, f"{said}\n")


def test_of_a_single_file_is_told_what_it_was_compared_with(log: Log, mreg: Any) -> None:
    log(BEFORE, others={"config.json": b"{}"})
    (mreg.home / "config.json").write_bytes(b"{}")

    one = mreg("diff", "net:v0", "./config.json", "--exit-code")
    other = mreg("diff", "./model-0/model.safetensors", "net:v0", "--tensors")

    assert one == (0, "", "config.json of net:v0 and ./config.json do not differ\n")
    assert other.errors == (
        "the tensors of ./model-0/model.safetensors and model.safetensors of net:v0 do not differ\n"
    )


def test_files_outside_have_no_metadata_to_compare(log: Log, mreg: Any) -> None:
    log(BEFORE, "--meta", "acc=1")

    result = mreg("diff", "net:v0", "./model-0", "--metadata", "--exit-code")

    assert (result.code, result.out) == (2, "")
    assert "./model-0 is not a version and has no metadata" in result.errors


@pytest.mark.parametrize("options", [("--tensors",), ("--stat",), ("--tensors", "--files", "--exit-code")])
def test_a_pattern_that_matches_no_tensor_is_an_error(options: tuple[str, ...], log: Log, mreg: Any) -> None:
    log(BEFORE)
    log(AFTER)

    mistyped = mreg("diff", "net:v0", "net:v1", *options, "layers.*", "hed.*")
    other = mreg("diff", "net:v0", "net:v1", *options, "nomatch*")

    assert mistyped == (
        2,
        "",
        "error: no tensor of net:v0 or net:v1 matches 'hed.*'\nhint: did you mean `head.*`?\n",
    )
    assert other == (
        2,
        "",
        "error: no tensor of net:v0 or net:v1 matches 'nomatch*'\n"
        "hint: list all tensors with `mreg diff net:v0 net:v1 --tensors --all`\n",
    )


def test_a_folder_outside_is_compared_and_told_by_its_path(logged: Any) -> None:
    assert logged("diff", "net:v0", "./model-0", "--exit-code") == (0, "", "net:v0 and ./model-0 do not differ\n")
    assert logged("diff", "net:v0", "./model-1", "--exit-code").code == 7
    assert logged("diff", "net:v0", "./model-0/model.safetensors", "--exit-code").code == 0
    assert (
        logged("diff", "./model-0", "./model-1", "--tensors").out == logged("diff", "net:v0", "net:v1", "--tensors").out
    )
    assert [entry["seq"] for entry in logged("history", "--json").json["entries"]] == [1, 2]


def test_a_prefix_is_proposed(log: Log, mreg: Any) -> None:
    log({"a": WEIGHTS})
    log({"module.a": WEIGHTS * 2})

    assert mreg("diff", "net:v0", "net:v1", "--tensors").errors == (
        "all tensor names of net:v1 begin with module.; to match them, add --strip-prefix-b module.\n"
    )
    assert mreg("diff", "net:v0", "net:v1", "--tensors", "--strip-prefix-b", "module.").out.startswith(
        "~\ta -> module.a\t[5000]\tF32\t1\t"
    )


def test_names_with_escapes_control_no_terminal_and_break_no_row(log: Log, mreg: Any) -> None:
    log({"a": WEIGHTS})
    log({"a": WEIGHTS, "b\n\x1b[31m\t": WEIGHTS * 2})

    assert mreg("diff", "net:v0", "net:v1", "--tensors").out.startswith("+\tb\\n\\x1b[31m\\t\t[5000]\tF32\t")
    assert "\x1b[31m" not in mreg.terminal("diff", "net:v0", "net:v1", "--tensors", "--no-color").out


def test_a_damaged_tensor_is_named_the_rest_is_shown_and_the_exit_code_is_5(log: Log, mreg: Any) -> None:
    noise = {name: np.frombuffer(np.random.default_rng(n).bytes(1 << 20), "u1") for n, name in enumerate("ab")}
    log(noise)
    log({name: array[::-1].copy() for name, array in noise.items()})
    damaged = noise["a"].tobytes()[:64]
    for path in (mreg.home / ".mreg" / "packs").rglob("*"):
        if path.is_file() and (at := path.read_bytes().find(damaged)) >= 0:
            path.chmod(0o644)
            with open(path, "r+b") as file:
                file.seek(at)
                file.write(b"damaged")

    result = mreg("diff", "net:v0", "net:v1", "--tensors", "--exit-code")

    assert result.code == 5
    assert [line.split("\t")[:2] for line in result.out.splitlines()] == [["~", "b"], ["x", "a"]]
    assert "do not match its digest" in result.out
    assert result.errors == "1 tensor or file cannot be read: `mreg fsck --full` lists all damage\n"
    assert mreg("diff", "net:v0", "net:v1", "--tensors", "--json").json["tensors"]["skipped"][0]["damaged"] is True


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--sort", "colour"), "is not one of relative, name, size, max"),
        (("a.*",), "patterns require --tensors or --stat"),
        (("--limit", "-1"), "-1"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: tuple[str, ...], told: str, logged: Any) -> None:
    result = logged("diff", "net:v0", "net:v1", *options)

    assert (result.code, result.out) == (2, "")
    assert told in result.errors


@pytest.mark.parametrize(("path", "code"), [("./nothing", 3), ("nothing", 3), ("./.mreg", 6)])
def test_what_is_not_there_is_told(path: str, code: int, logged: Any) -> None:
    result = logged("diff", "net:v0", path)

    assert (result.code, result.out) == (code, "")
