"""What the pages tell, and how they are written."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

import mreg
from mreg import Repository
from mreg.checkout.others import UnsafeDestination
from mreg.content.objects import key_of
from mreg.pages.sizes import sizes_of
from mreg.storage.memory import MemoryStorage

VOID = {"br", "hr", "img", "input", "link", "meta"}
OPEN = {"td", "th", "tr"}

Written = Callable[..., Path]


class Parsed(HTMLParser):
    """The tags, links, names and text of a page, with its faults: what is not closed, and names that stand twice."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.faults: list[str] = []
        self.feed(page)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self.open if tag not in OPEN]
        self.faults += [f"id {one!r} stands twice" for one in {one for one in self.ids if self.ids.count(one) > 1}]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] in OPEN and self.open[-1] != tag:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: Path) -> Parsed:
    return Parsed(page.read_text(encoding="utf-8"))


def test_the_page_tells_what_there_is(registry: Repository, written: Written) -> None:
    page = parsed(written(registry))

    assert page.faults == []
    for told in [
        "Our models",
        "1 registered model, 2 artifacts, 5 versions",
        "mreg use digits:production",
        "licensemit",
        "Reads digits.",
        "vision",
        "step 3",
        "train-2",
        "log-3.txt",
        "metrics.acc",
    ]:
        assert told in page.text, told
    for version in registry.versions("mnist"):
        assert version.digest in page.text
        assert all(file.digest in page.text for file in registry.files(version.name))


def test_the_history_of_each_alias_is_told(registry: Repository, written: Written) -> None:
    page = written(registry).read_text(encoding="utf-8")

    cells = re.findall(r"<tr><td><time[^>]*>[^<]*</time><td>([^<]*)<td>([^<]*)<td>ann(?:<td>([^<]*))?<td", page)
    assert ("v0", "v1 (mnist:v3)", "better") in cells, "production of digits"
    assert ("none", "v0 (mnist:v1)", "") in cells


def test_tensors_are_listed_with_what_became_of_them(registry: Repository, written: Written) -> None:
    page = written(registry).read_text(encoding="utf-8")

    rows = re.findall(r"<td>([abc])<td>U8<td>(\d+)<td[^>]*>[^<]*<td>(\w*)", page)
    assert {("a", "99", "equal"), ("b", "99", "changed"), ("c", "3", "new")} <= set(rows)


def test_what_a_version_has_new_is_what_earlier_ones_do_not_need(registry: Repository) -> None:
    context = registry._context
    index = context.tables(context.view().look)
    versions = [(version, registry.files(version.name)) for version in registry.versions("mnist")]

    sizes = sizes_of(index, versions)

    assert sizes["mnist:v0"].new == sizes["mnist:v0"].stored
    assert 0 < sizes["mnist:v1"].new < sizes["mnist:v1"].stored
    total = next(one for one in registry.usage().items if one.name == "mnist")
    assert sum(one.new for one in sizes.values()) == total.stored


def test_the_same_repository_gives_the_same_bytes(registry: Repository, written: Written) -> None:
    first = written(registry, "one.html").read_bytes()

    assert written(registry, "two.html").read_bytes() == first
    registry.set_alias("best", "mnist:v0")
    assert written(registry, "three.html").read_bytes() != first


def test_nothing_is_loaded_from_anywhere(registry: Repository, hostile: Repository, written: Written) -> None:
    page = written(hostile).read_text(encoding="utf-8")

    assert "default-src &#x27;none&#x27;" in page
    assert not re.search(r"<[^>]*\s(src|srcset|background|action|style|on\w+)=", page)
    assert not re.search(r"@import|url\(", page)
    assert not parsed(written(hostile)).tags & {"img", "link", "iframe", "object", "embed", "form", "base"}


@pytest.mark.parametrize("name", ["report.html", "pages"])
def test_no_text_becomes_markup(name: str, hostile: Repository, written: Written) -> None:
    first = written(hostile, name)

    for path in first.parent.glob("*.html"):
        page = parsed(path)
        assert page.faults == [], path
        assert not {one for one in page.attributes if one.startswith("on")}
        assert not [link for link in page.links if link.lower().startswith(("javascript:", "data:"))]
        assert "\u202e" not in path.read_text(encoding="utf-8")
    text = "".join(parsed(path).text for path in first.parent.glob("*.html"))
    assert "<script>document.title='owned'</script>" in text, "it is shown"


def test_pages_of_a_folder_lead_to_each_other(
    registry: Repository, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mreg.pages.site.PER_PAGE", 2)
    monkeypatch.setattr("mreg.pages.collection.PER_PAGE", 2)
    monkeypatch.setattr("mreg.pages.report.ENTRIES_PER_PAGE", 3)

    folder = written(registry, "pages").parent

    pages = {path.name: parsed(path) for path in folder.iterdir()}
    assert {"index.html", "artifact-mnist.html", "artifact-mnist-2.html", "journal.html", "journal-2.html"} <= set(
        pages
    )
    for name, page in pages.items():
        assert page.faults == []
        for link in page.links:
            if not link.startswith("https:"):
                target, _, anchor = link.partition("#")
                assert not anchor or anchor.replace("%3A", ":") in pages[target or name].ids, f"{link} on {name}"
                assert not target or target in pages
    assert "version-mnist:v0" in pages["artifact-mnist-2.html"].ids


def test_the_last_version_of_a_page_is_told_beside_the_one_on_the_next(
    registry: Repository, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mreg.pages.site.PER_PAGE", 2)
    monkeypatch.setattr("mreg.pages.collection.PER_PAGE", 2)

    folder = written(registry, "pages").parent

    beside = [re.findall(r">in (v\d)<", (folder / f"artifact-mnist{number}.html").read_text()) for number in ("", "-2")]
    assert beside == [["v2", "v1"], ["v0"]]


def test_names_of_any_script_and_case_have_pages_of_their_own(repo: Repository, written: Written) -> None:
    for name in ["campeón", "最良", "Net"]:
        repo.log({"w": b"x"}, name, message=name)

    folder = written(repo, "pages").parent

    names = [path.name for path in folder.glob("artifact-*")]
    assert len({name.lower() for name in names}) == 3 and all(name.isascii() for name in names)


def test_a_damaged_version_is_named_and_the_rest_is_told(registry: Repository, written: Written) -> None:
    storage = registry._context.storage
    assert isinstance(storage, MemoryStorage)
    digest = registry.resolve("mnist:v1").digest
    key = key_of(digest)
    storage.delete(key)
    storage.put(key, b"damaged")
    fresh = Repository.open_storage(storage, "memory")

    page = parsed(written(fresh))

    assert "mnist:v1: " in page.text and "step 3" in page.text and "step 1" not in page.text


def test_the_overview_tells_the_sizes_of_all_versions(repo: Repository, written: Written) -> None:
    for step in range(3):
        repo.log({"w.bin": os.urandom(100_000), "same.bin": bytes(range(256)) * 400}, "net", message=str(step))

    page = written(repo).read_text(encoding="utf-8")

    (row,) = re.findall(r"<tr>(<td[^>]*><a href=.#artifact-net.*?)(?=<tr>|</tbody>)", page)
    cells = [re.sub("<[^>]*>", "", cell) for cell in row.split("<td")[1:]]
    sizes = [cell.partition(">")[2] for cell in cells if "KiB" in cell]
    assert sizes[0] == "593.0 KiB", "of all versions"
    assert float(sizes[1].split()[0]) < 310 and sizes[2] == "97.7 KiB", "stored, and new in the latest"


def test_an_empty_repository_has_a_page(repo: Repository, written: Written) -> None:
    page = parsed(written(repo))

    assert page.faults == [] and "0 versions" in page.text


@pytest.mark.parametrize("name", ["report.html", "pages"])
def test_pages_that_mreg_wrote_are_replaced(name: str, registry: Repository, written: Written) -> None:
    former = written(registry, name)
    (former.parent / "artifact-old.html").write_text("from a former time") if name == "pages" else None
    registry.create_artifact("fresh")

    page = written(registry, name)

    assert "fresh" in page.read_text(encoding="utf-8")
    assert not (page.parent / "artifact-old.html").exists()
    left = {path.name for path in page.parent.parent.iterdir()} if name == "pages" else set(os.listdir(page.parent))
    assert not {one for one in left if "mreg-" in one}


@pytest.mark.parametrize("name", ["report.html", "pages"])
def test_what_mreg_did_not_write_is_never_replaced(name: str, registry: Repository, tmp_path: Path) -> None:
    out = tmp_path / name
    if name == "pages":
        out.mkdir()
        (out / "thesis.tex").write_text("ten years of work")
    else:
        out.write_text("<html>my own page</html>")

    with pytest.raises(mreg.Refused, match="is not a report that mreg made"):
        registry.html(out)

    assert "work" in (out / "thesis.tex").read_text() if name == "pages" else "own page" in out.read_text()


@pytest.mark.parametrize("name", ["", ".mreg/report.html", ".mreg/pages", "link/report.html"])
def test_a_place_that_is_none_or_a_repositorys_own_is_refused(
    name: str, registry: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty" / ".mreg").mkdir(parents=True)
    (tmp_path / "empty" / "link").symlink_to(".mreg")
    monkeypatch.chdir(tmp_path / "empty")

    with pytest.raises(UnsafeDestination):
        registry.html(name)

    assert sorted(os.listdir(tmp_path / "empty")) == [".mreg", "link"]
    assert os.listdir(tmp_path / "empty" / ".mreg") == []


def test_a_folder_that_cannot_be_written_leaves_nothing(
    registry: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.html(tmp_path / "pages")
    before = sorted(os.listdir(tmp_path / "pages"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mreg.pages.report._take_name", full)
    with pytest.raises(OSError, match="No space"):
        registry.html(tmp_path / "pages")

    assert sorted(os.listdir(tmp_path / "pages")) == before
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".mreg")]


def test_a_hundred_versions_with_twenty_metrics_are_half_a_megabyte(repo: Repository, tmp_path: Path) -> None:
    for step in range(100):
        metrics = {f"metric{number:02}": round(step / 100 + number / 7, 5) for number in range(20)}
        repo.log({"model.bin": bytes([step])}, "net", metadata={"metrics": metrics}, message=f"step {step}")

    done = repo.html(tmp_path / "report.html")

    assert done.pages == 1 and done.size == (tmp_path / "report.html").stat().st_size
    assert done.size <= 500_000
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
