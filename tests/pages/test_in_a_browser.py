"""The pages in a real browser: nothing is loaded, nothing is complained of, and a keyboard is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mreg import Repository

Written = Callable[..., Path]
Opened = Callable[..., "Tab"]


class Tab:
    """A page that is open, with all that it asked for and complained of."""

    def __init__(self, browser: Any, path: Path, width: int = 1400, **options: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        self.page.on("request", lambda one: self.requests.append(one.url))
        self.page.on("console", lambda one: self.complaints.append(one.text))
        self.page.on("pageerror", lambda one: self.complaints.append(str(one)))
        self.page.on("dialog", lambda one: (self.complaints.append(one.message), one.dismiss()))
        self.page.goto(path.as_uri())


@pytest.fixture
def tab(chromium: Any) -> Iterator[Callable[..., Tab]]:
    opened: list[Tab] = []

    def tab(path: Path, **options: Any) -> Tab:
        opened.append(Tab(chromium, path, **options))
        return opened[-1]

    yield tab
    for one in opened:
        one.page.close()


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("name", ["report.html", "pages"])
def test_a_page_fits_and_loads_nothing(
    width: int, name: str, registry: Repository, written: Written, tab: Opened
) -> None:
    first = written(registry, name)

    for path in sorted(first.parent.glob("*.html")):
        one = tab(path, width=width)
        one.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert one.requests == [path.as_uri()]
        assert one.complaints == []
        assert one.page.evaluate("document.documentElement.scrollWidth") <= width, path.name


def test_rows_stay_low_where_a_message_is_out_of_sight(repo: Repository, written: Written, tab: Opened) -> None:
    repo.log({"w.bin": b"1"}, "net", message="epoch 1 of 10: warm up", aliases=["best"], run="run-1")
    repo.log({"w.bin": b"2"}, "net", message="epoch 2 of 10: full rate", metadata={"metrics": {"accuracy": 0.5}})
    one = tab(written(repo), width=400).page

    rows = one.locator("table", has=one.locator("caption", has_text="versions of net")).locator("tbody tr")

    heights = rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
    assert max(heights) < 1.5 * min(heights) < 60, heights


def test_a_page_is_printed_dark_on_white_and_fits_on_paper(repo: Repository, written: Written, tab: Opened) -> None:
    # given
    for number in range(3):
        metrics = {f"metric{n}": round(number / 7 + n, 5) for n in range(20)}
        repo.log({"w.bin": bytes([number])}, "net", metadata={"metrics": metrics}, message=f"epoch {number} of 15")
        repo.set_alias("challenger", f"net:v{number}")
    a4 = 794
    one = tab(written(repo), width=a4, color_scheme="dark").page

    # when
    one.emulate_media(media="print")

    # then
    assert one.evaluate("document.documentElement.scrollWidth") <= a4
    assert one.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_hostile_text_does_nothing(hostile: Repository, written: Written, tab: Opened) -> None:
    path = written(hostile)

    one = tab(path)

    assert (one.requests, one.complaints, one.page.title()) == ([path.as_uri()], [], "Our models")


def test_a_link_to_a_version_opens_it(registry: Repository, written: Written, tab: Opened) -> None:
    one = tab(written(registry))

    one.page.locator("table a", has_text="v1").first.click()

    assert one.page.locator("[id='version-mnist:v1']").is_visible()
    assert not one.page.locator("[id='version-mnist:v2']").is_visible()


def test_a_keyboard_is_enough(registry: Repository, written: Written, tab: Opened) -> None:
    one = tab(written(registry)).page

    one.locator("details:has([id='version-mnist:v2']) > summary").focus()
    one.keyboard.press("Enter")
    assert one.locator("[id='version-mnist:v2']").is_visible()

    table = one.locator("table", has=one.locator("caption", has_text="versions of mnist"))
    heading = table.locator("th button").first
    heading.focus()
    one.keyboard.press("Enter")
    cells = one.locator("table", has=one.locator("caption", has_text="versions of mnist")).locator(
        "tbody tr td:first-child"
    )
    assert cells.all_inner_texts() == ["v0", "v1", "v2", "v3"]
    one.keyboard.press("Enter")
    assert cells.all_inner_texts() == ["v3", "v2", "v1", "v0"]


def test_any_two_versions_are_compared(registry: Repository, written: Written, tab: Opened) -> None:
    one = tab(written(registry)).page

    one.locator(".compare select.old").select_option("v0")
    one.locator(".compare select.new").select_option("v3")

    shown = one.locator(".compare .result").inner_text()
    assert "metrics.acc\t0.5\t0.8" in shown and "params.lr" not in shown
    assert "log-0.txt" in shown and "mreg diff mnist:v0 mnist:v3 --tensors" in shown


def test_a_command_is_copied(registry: Repository, written: Written, tab: Opened) -> None:
    one = tab(written(registry), permissions=["clipboard-read", "clipboard-write"]).page

    one.locator("pre.copy button").first.click()

    one.wait_for_function("document.querySelector('pre.copy button').textContent !== 'copy'")
    assert one.locator("pre.copy button").first.inner_text() == "copied"
    assert one.evaluate("navigator.clipboard.readText()") == "mreg use digits:production"


def test_without_its_script_a_page_tells_the_same(registry: Repository, written: Written, tab: Opened) -> None:
    one = tab(written(registry), java_script_enabled=False).page

    assert not one.locator(".compare").is_visible()
    one.locator("details:has([id='version-mnist:v3']) > summary").click()
    shown = one.locator("[id='version-mnist:v3']").inner_text()
    assert "metrics.acc" in shown and "in v2" in shown and "log-3.txt" in shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(scheme: str, registry: Repository, written: Written, tab: Opened) -> None:
    """WCAG 2.2, level AA: a contrast of at least 4.5."""
    one = tab(written(registry), color_scheme=scheme).page
    one.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    assert one.evaluate(CONTRAST) == []


CONTRAST = """() => {
  const light = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const found = [];
  for (const one of document.querySelectorAll("main *")) {
    if (![...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    if (["SCRIPT", "title"].includes(one.tagName)) continue;
    let behind = one;
    let paper = null;
    for (; behind; behind = behind.parentElement) {
      const colour = parts(getComputedStyle(behind).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) { paper = colour; break; }
    }
    const style = getComputedStyle(one);
    const ink = parts(one.closest("svg") ? style.fill : style.color);
    const [high, low] = [luminance(ink), luminance(paper ?? [255, 255, 255])].sort((a, b) => b - a);
    if ((high + 0.05) / (low + 0.05) < 4.5) found.push([one.tagName, one.textContent.slice(0, 20), style.color]);
  }
  return found;
}"""
