"""`mreg metrics`: a table with trends, charts in the terminal, and SVG, without a library for plotting."""

from __future__ import annotations

import json
import math
import os
import xml.etree.ElementTree
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mreg import Metric, Metrics, Repository
from mreg.cli import chart, chart_html, chart_svg
from mreg.operations.metrics import MetricValue
from mreg.pages import chart as pages_chart
from mreg.session.fact_queries import Query
from mreg.values import plot
from mreg.values.directions import direction_of, parse

GOLDEN = Path(__file__).parent / "golden"
NAN = math.nan


def metric(key: str, values: Sequence[float | None]) -> Metric:
    known = [(value, f"v{at}") for at, value in enumerate(values) if value is not None and not math.isnan(value)]
    first, last = (MetricValue(*known[at]) if known else None for at in (0, -1))
    low, high = (MetricValue(*find(known)) if known else None for find in (min, max))
    return Metric(key, None, len(known), 0, first, last, low, high, None, tuple(values))


def metrics_of(aliases: dict[str, str] | None = None, **values: Sequence[float | None]) -> Metrics:
    count = max(map(len, values.values()))
    names = tuple(f"v{number}" for number in range(count))
    return Metrics("mnist", names, aliases or {}, tuple(metric(key, one) for key, one in values.items()))


def drawn(found: Metrics, width: int = 80, letters: chart.Letters = chart.BRAILLE, log: bool = False) -> str:
    lines = ("".join(text for text, _ in line).rstrip() for line in chart.charts(found, width, letters, log))
    return "\n".join(lines) + "\n"


RISING = [round(1 - math.exp(-n / 9) / 2, 4) for n in range(40)]
FALLING = [3 * math.exp(-n / 7) + 0.01 for n in range(40)]
CASES: dict[str, Metrics] = {
    "one": metrics_of({"best": "v38", "production": "v12", "canary": "v13"}, acc=RISING),
    "two": metrics_of({"best": "v38"}, acc=RISING, loss=[*FALLING[:20], NAN, None, *FALLING[22:]]),
    "four": metrics_of(a=RISING, b=FALLING, c=[1.0] * 40, d=[0, 1] * 20),
    "point": metrics_of({"best": "v0"}, acc=[0.5]),
    "equal": metrics_of(acc=[0.5, 0.5, 0.5]),
    "gaps": metrics_of(acc=[0.1, None, 0.3, NAN, 0.5, 0.6, math.inf, 0.4]),
    "spike": metrics_of(acc=[0.5] * 7000 + [9.0] + [0.5] * 3000),
}


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", CASES)
def test_charts_are_as_they_were_looked_at(name: str, width: int) -> None:
    """Written anew by `GOLDEN=1 pytest`; look at what changed."""
    shown = f"{drawn(CASES[name], width)}\n{drawn(CASES[name], width, chart.ASCII)}"
    file = GOLDEN / f"{name}-{width}.txt"
    if os.environ.get("GOLDEN"):
        file.write_text(shown, encoding="utf-8")

    assert shown == file.read_text(encoding="utf-8")
    assert max(map(len, shown.splitlines())) <= width
    assert drawn(CASES[name], width, chart.ASCII).isascii()


def test_a_spike_among_thousands_of_versions_is_seen() -> None:
    assert drawn(CASES["spike"]).splitlines()[1].strip(" 9┤") != ""
    assert "█" in chart.sparkline(CASES["spike"].metrics[0].values, chart.BRAILLE)


def test_a_logarithmic_axis_has_equal_steps_for_equal_factors() -> None:
    scale = plot.scale_of([0.001, 1000.0], log=True)

    assert scale.labels() == ("1000", "1", "0.001")
    assert [round(scale.at(value), 6) for value in (0.001, 1, 1000)] == [0, 0.5, 1]


@pytest.mark.parametrize("values", [[1e308, -1e308], [5e-324, 0.0], [2**63, 1], [0.0, 0.0], [-3.0]])
def test_extreme_numbers_have_a_place(values: list[float]) -> None:
    scale = plot.scale_of(values)

    assert all(0 <= scale.at(value) <= 1 for value in values)
    assert drawn(metrics_of(x=values))


def test_svg_is_self_contained_accessible_and_the_same_each_time() -> None:
    hostile = 'a<script>"&\x00\x1b'
    found = metrics_of({"best": "v1"}, **{hostile: [0.1, 0.7, NAN, 0.9]})

    text = chart_svg.svg(found)

    root = xml.etree.ElementTree.fromstring(text)
    assert root.get("role") == "img"
    assert [one.tag.rpartition("}")[2] for one in root][:2] == ["title", "desc"]
    assert root.get("aria-labelledby") == "title desc"
    assert [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")][1:] == ["v0: 0.1", "v1: 0.7", "v3: 0.9"]
    assert "currentColor" in text
    assert "<script" not in text and "url(" not in text and "@import" not in text
    assert text.count("http") == 1, "only the namespace"
    assert text == chart_svg.svg(found)


def test_one_version_is_told_as_one() -> None:
    assert ", 1 version." in chart_svg.svg(metrics_of(acc=[0.5]))
    assert "acc over 1 version: " in pages_chart.chart("acc", [0.5], ["v0"], {})


def test_the_svg_of_very_many_versions_is_small_and_keeps_the_spike() -> None:
    text = chart_svg.svg(CASES["spike"])

    assert len(text) < 400_000
    assert "<title>v7000: 9.0</title>" in text


def test_directions() -> None:
    rules = parse("max:metrics.acc, min:*loss")

    found = [direction_of(key, rules) for key in ("metrics.acc", "metrics.val_loss", "params.lr")]
    assert found == ["max", "min", None]
    for text in ("acc", "up:acc", "max:"):
        with pytest.raises(ValueError, match="write max:KEY or min:KEY"):
            parse(text)


@pytest.fixture
def trained(mreg: Any, model: Callable[..., str]) -> Any:
    """Six versions of `mnist` with a falling loss, that of v3 being NaN; accuracies from v1 on; a text; a boolean."""
    for n in range(6):
        said: dict[str, Any] = {"metrics": {"loss": NAN if n == 3 else 3 - n / 2}}
        said["params"] = {"arch": "vit", "fp16": True}
        if n:
            said["metrics"]["acc"] = n / 10
        (mreg.home / "meta.json").write_text(json.dumps(said))
        mreg.must("log", model("m", {"w": b"%d" % n}), "-a", "mnist", "--meta-file", "meta.json")
    mreg.must("alias", "set", "best", "mnist:v4")
    mreg.must("link", "mnist:v1", "digits")
    mreg.must("link", "mnist:v5", "digits", "--alias", "live")
    return mreg


def test_a_pipe_gets_every_value_and_no_chart(trained: Any) -> None:
    assert trained("metrics", "mnist", "acc", "metrics.loss") == (
        0,
        "v0\t\t3.0\nv1\t0.1\t2.5\nv2\t0.2\t2.0\nv3\t0.3\tNaN\nv4\t0.4\t1.0\nv5\t0.5\t0.5\n",
        "",
    )
    assert trained("metrics", "mnist") == (
        0,
        "metrics.acc\t5\t0.1\t0.5\t0.1\tv1\t0.5\tv5\t\t\nmetrics.loss\t5\t3.0\t0.5\t0.5\tv5\t3.0\tv0\t\t\n",
        "",
    )


def test_the_best_is_told_where_the_direction_is_set(trained: Any) -> None:
    trained.must("config", "set", "metrics.direction", "max:metrics.acc min:*loss")

    rows = [line.split("\t")[-2:] for line in trained.must("metrics", "mnist").splitlines()]

    assert rows == [["0.5", "v5"], ["0.5", "v5"]]
    assert trained("config", "set", "metrics.direction", "acc").code == 2


def test_versions_are_chosen_by_where_and_last(trained: Any) -> None:
    assert trained.must("metrics", "mnist", "acc", "--last", "2") == "v4\t0.4\nv5\t0.5\n"
    assert trained.must("metrics", "mnist", "acc", "--where", "metrics.acc < 0.3") == "v1\t0.1\nv2\t0.2\n"
    assert trained("metrics", "mnist", "acc", "--where", "metrics.ac < 1").code == 2


@pytest.mark.parametrize(("name", "options"), [("mnist", []), ("mnist", ["--x", "created"]), ("digits", [])])
def test_of_the_last_versions_no_other_values_are_read(
    trained: Any, name: str, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    read: list[int] = []
    numbers_of = Query.numbers_of

    def counted(query: Query, key: str) -> list[tuple[int, float]]:
        found = numbers_of(query, key)
        read.append(len(found))
        return found

    monkeypatch.setattr(Query, "numbers_of", counted)

    # when
    shown = trained.must("metrics", name, "loss", "--last", "1", *options)

    # then
    assert shown.endswith("\t0.5\n")
    assert read == [1]


def test_a_registered_model_has_the_metrics_of_its_links(trained: Any) -> None:
    assert trained.must("metrics", "digits", "acc") == "v0\t0.1\nv1\t0.5\n"
    assert trained("--json", "metrics", "digits", "acc").json["aliases"] == {"live": "v1"}


def test_json_has_values_only_of_named_metrics(trained: Any) -> None:
    named, every = (trained("--json", "metrics", "mnist", *keys).json for keys in (["loss"], []))

    assert named["metrics"][0]["values"] == [3.0, 2.5, 2.0, "NaN", 1.0, 0.5]
    assert named["metrics"][0]["smallest"] == {"value": 0.5, "version": "v5"}
    assert (named["metrics"][0]["versions"], named["metrics"][0]["nan"]) == (5, 1)
    assert [(one["key"], one["values"]) for one in every["metrics"]] == [("metrics.acc", []), ("metrics.loss", [])]


def test_a_terminal_shows_table_and_chart(trained: Any) -> None:
    plain = {"NO_COLOR": "1", "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}

    table = trained.terminal("metrics", "mnist", environment=plain).out
    shown = trained.terminal("metrics", "mnist", "acc", environment=plain).out
    colored = trained.terminal("metrics", "mnist", "acc", environment={"COLUMNS": "80"}).out
    dumb = trained.terminal("metrics", "mnist", "acc", environment={"COLUMNS": "80", "TERM": "dumb"}).out
    latin = trained.terminal("metrics", "mnist", "acc", environment=plain | {"PYTHONIOENCODING": "latin-1"}).out

    assert table.splitlines()[0].split() == ["metric", "first", "last", "smallest", "largest", "trend"]
    assert table.splitlines()[2].split() == ["metrics.loss", "3", "0.5", "0.5", "v5", "3", "v0", f"█▇▅{plot.GAP}▂▁"]
    assert shown.splitlines()[0] == "metrics.acc"
    assert "▲ best" in shown and "┤" in shown and plot.GAP in shown and "\x1b" not in shown
    assert "\x1b[" in colored
    assert dumb.isascii() and "^ best" in dumb and "\x1b" not in dumb
    assert latin.isascii()
    assert trained.terminal("metrics", "mnist", "acc", "--ascii", environment=plain).out.isascii()


@pytest.fixture
def stepped(mreg: Any, model: Callable[..., str]) -> Any:
    """Versions of `net` at the steps 100, 400, 0, none, 400: their losses are 1, 4, 0, 7 and 5."""
    for n, step in enumerate((100, 400, 0, None, 400)):
        more = [] if step is None else ["--meta", f"params.step={step}"]
        loss = (1, 4, 0, 7, 5)[n]
        mreg.must("log", model("m", {"w": b"%d" % n}), "-a", "net", "--meta", f"metrics.loss={loss}", *more)
    return mreg


def test_versions_are_drawn_over_a_key(stepped: Any) -> None:
    result = stepped("metrics", "net", "loss", "--x", "params.step")
    document = stepped("--json", "metrics", "net", "loss", "--x", "params.step").json

    assert result.code == 0
    assert result.out == "v2\t0\t0\nv0\t100\t1\nv1\t400\t4\nv4\t400\t5\n"
    assert result.errors == "not shown: 1 version without params.step\n"
    assert (document["x"], document["at"], document["left_out"]) == ("params.step", [0, 100, 400, 400], 1)
    assert document["metrics"][0]["last"] == {"value": 5, "version": "v4"}


def test_versions_are_drawn_over_the_time(stepped: Any) -> None:
    result = stepped("metrics", "net", "loss", "--x", "created", "--last", "2")

    rows = [line.split("\t") for line in result.out.splitlines()]
    assert (result.code, result.errors) == (0, "")
    assert [(row[0], row[2]) for row in rows] == [("v3", "7"), ("v4", "5")]
    assert rows[0][1] <= rows[1][1] and rows[0][1].endswith("Z")
    assert stepped.must("metrics", "net", "loss", "--x", "number") == stepped.must("metrics", "net", "loss")


def test_what_is_no_axis_is_refused(stepped: Any) -> None:
    result = stepped("metrics", "net", "loss", "--x", "params.stp")

    assert (result.code, result.out) == (3, "")
    assert "no version of 'net' has a numeric value called 'params.stp'" in result.errors
    assert "did you mean `params.step`" in result.errors


def test_distances_on_the_axis_are_those_of_its_numbers() -> None:
    found = metrics_of(acc=[0.0, 1.0, 2.0])._replace(x="params.step", at=(0.0, 10.0, 1000.0))

    chart_of_it, text = drawn(found, 60, chart.ASCII), chart_svg.svg(found)

    assert [line.rstrip().rpartition("*")[2] for line in chart_of_it.splitlines()[1:16]].count("") >= 2
    assert chart_of_it.splitlines()[-1].split() == ["0", "10", "1000"] or "1000" in chart_of_it.splitlines()[-1]
    assert '<circle cx="87.00"' in text and "<title>v1 (10): 1.0</title>" in text


@pytest.mark.parametrize("at", [(5.0, 5.0, 5.0), (-1e308, 0.0, 1e308), (0.0, 5e-324, 1.0)])
def test_extreme_places_on_the_axis_are_drawn(at: tuple[float, ...]) -> None:
    found = metrics_of(acc=[0.0, 1.0, 2.0])._replace(x="params.step", at=at)

    assert max(map(len, drawn(found, 60).splitlines())) <= 60
    assert "nan" not in chart_svg.svg(found)


def test_a_page_has_the_chart_and_the_values(stepped: Any) -> None:
    result = stepped("metrics", "net", "loss", "--html", "m.html", "--svg", "m.svg")

    assert result == (0, "m.svg\nm.html\n", "")
    page = (stepped.home / "m.html").read_text("utf-8")
    assert (stepped.home / "m.svg").read_text("utf-8").rstrip("\n") in page
    assert "<td>v3</td><td>7</td>" in page
    assert "<script" not in page and "src=" not in page and page.count("http") == 1, "only the namespace of the SVG"
    stepped.must("metrics", "net", "loss", "--html", "m.html")
    assert (stepped.home / "m.html").read_text("utf-8") == page


def test_a_page_escapes_what_metadata_says() -> None:
    hostile = 'a<script>"&\x00\x1b'

    page = chart_html.html(metrics_of({"<b>": "v0"}, **{hostile: [0.1]}))

    assert "<script" not in page and "<b>" not in page and "\x1b" not in page and "\x00" not in page


def test_a_page_of_very_many_versions_lists_the_last() -> None:
    page = chart_html.html(CASES["spike"])

    assert "of the last 2000 of 10001 versions" in page
    assert len(page) < 1_000_000


def test_svg_is_written_whole(trained: Any) -> None:
    result = trained("metrics", "mnist", "acc", "loss", "--svg", "m.svg")

    assert result == (0, "m.svg\n", "")
    first = (trained.home / "m.svg").read_bytes()
    assert b"<title>v4: 0.4</title>" in first
    trained.must("metrics", "mnist", "acc", "loss", "--svg", "m.svg")
    assert (trained.home / "m.svg").read_bytes() == first
    assert sorted(file.name for file in trained.home.glob("m.svg*")) == ["m.svg"]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["mnits"], 3, "there is no artifact or registered model 'mnits'"),
        (
            ["mnist", "metrics.ac"],
            3,
            "no version of 'mnist' has a numeric value called 'metrics.ac'\nhint: did you mean `m",
        ),
        (["mnist", "params.arch"], 3, "no version of 'mnist' has a numeric value called 'params.arch'"),
        (["mnist", "--svg", "x.svg"], 2, "name one to four metrics to draw"),
        (["mnist", "--html", "x.svg"], 2, "name one to four metrics to draw"),
        (["mnist", *["acc"] * 5, "--svg", "x.svg"], 2, "at most 4"),
        (["mnist", "acc", "--svg", "no/such/x.svg"], 1, "No such file"),
    ],
)
def test_what_cannot_be_drawn_is_said(trained: Any, arguments: list[str], code: int, error: str) -> None:
    result = trained("metrics", *arguments)

    assert (result.code, result.out) == (code, "")
    assert error.lower() in result.errors.lower()
    assert not (trained.home / "x.svg").exists()


def test_a_logarithmic_axis_refuses_what_has_no_place_on_it(trained: Any) -> None:
    trained.must("annotate", "mnist:v2", "--meta", "metrics.acc=0")

    result = trained("metrics", "mnist", "acc", "--log")

    assert (result.code, result.out) == (2, "")
    assert "metrics.acc is 0 at v2, which a logarithmic axis cannot show" in result.errors


def test_nothing_is_said_of_versions_without_numbers(mreg: Any, model: Callable[..., str]) -> None:
    mreg.must("log", model(), "-a", "mnist")

    assert mreg("metrics", "mnist") == (0, "", "no version has a number in its metadata\n")


def test_python_has_the_same(trained: Any) -> None:
    with Repository.open(trained.home) as repo:
        found = repo.metrics("mnist", "acc", last=3)

    assert found.versions == ("v3", "v4", "v5")
    assert found.metrics[0].values == (0.3, 0.4, 0.5)
    assert found.aliases == {"best": "v4"}


def test_a_metric_without_a_number_has_no_axis(mreg: Any, model: Callable[..., str]) -> None:
    mreg.must("log", model(), "-a", "mnist", "--meta", "metrics.acc=nan")

    shown = mreg.terminal("metrics", "mnist", "acc", "--no-color").out
    mreg.must("metrics", "mnist", "acc", "--svg", "m.svg")

    assert "┤" not in shown and plot.GAP in shown
    assert 'class="a"' not in (mreg.home / "m.svg").read_text()


def test_a_short_name_has_the_direction_that_is_set_for_it() -> None:
    assert direction_of("metrics.acc", parse("max:acc")) == "max"
    assert direction_of("metrics.loss", parse("max:acc min:l*")) == "min"
    assert direction_of("params.acc", parse("max:acc")) is None


@pytest.fixture
def measured(mreg: Any, model: Callable[..., str]) -> Any:
    for n, acc in enumerate((0.5, 0.9)):
        given = ["--meta", f"metrics.acc={acc}", "--meta", f"params.lr={n}"]
        mreg.must("log", model("m", {"w": b"%d" % n}), "-a", "mnist", *given)
    return mreg


def test_a_filter_that_matches_nothing_does_not_blame_the_metric(measured: Any) -> None:
    result = measured("metrics", "mnist", "acc", "--where", "metrics.acc > 5")

    assert (result.code, result.out, result.errors) == (0, "", "no version matches the filter\n")
    assert measured("metrics", "mnist", "acd", "--where", "metrics.acc > 5", "--json").error["code"] == "unknown-metric"


@pytest.mark.parametrize("words", [["acc", "--x", "lr"], ["lr"]])
def test_the_last_part_of_a_key_is_enough_for_a_proposal(measured: Any, words: list[str]) -> None:
    result = measured("metrics", "mnist", *words)

    assert (result.code, result.out) == (3, "")
    assert result.errors == (
        "error: no version of 'mnist' has a numeric value called 'lr'\nhint: did you mean `params.lr`?\n"
    )
