"""What snapshots of the Hugging Face Hub say of themselves: listings, digests, the model card."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mreg.importers.plan import LATEST, PlannedFile, PlannedInput, PlannedVersion
from mreg.importers.tree import Tree, parse_json
from mreg.importers.words import sayable, tags_of, without_nothing
from mreg.values.card import facts_of
from mreg.values.errors import MregError
from mreg.values.front_matter import front_matter

_MAX_CARD: Final = 1 << 20
_SHARDS: Final = ".index.json"
_WEIGHTS: Final = (".safetensors", ".bin", ".gguf", ".h5", ".msgpack", ".onnx", ".pt", ".pth", ".ot", ".keras", ".npz")
_FACTS: Final = (
    "license",
    "license_name",
    "language",
    "library_name",
    "pipeline_tag",
    "datasets",
    "base_model",
    "tags",
)


def by_etag(etag: str) -> dict[str, str]:
    """The digest that the name of a blob is."""
    if re.fullmatch("[0-9a-f]{64}", etag):
        return {"sha256": etag}
    return {"git-sha1": etag} if re.fullmatch("[0-9a-f]{40}", etag) else {}


def listed(tree: Tree, folder: str, commit: str) -> dict[str, PlannedFile]:
    """All files of a commit, where the Hub's listing of them was kept; else nothing. Where they lie is not in it."""
    path = os.path.join(folder, f"{commit}.json")
    if not tree.is_file(path):
        return {}
    try:
        said = parse_json(tree.read(path), path)
    except MregError:
        return {}
    rows = said.get("files") if isinstance(said, dict) and said.get("format_version") == 1 else None
    found = {}
    for name, row in rows.items() if isinstance(rows, dict) else ():
        if isinstance(row, dict):
            etag = row.get("lfs_sha256") or row.get("blob_id")
            size = row.get("lfs_size") if row.get("lfs_sha256") else row.get("size")
            digests = by_etag(etag) if isinstance(etag, str) else {}
            found[name] = PlannedFile("", size if isinstance(size, int) else None, digests)
    return found


def lacking(tree: Tree, files: Mapping[str, PlannedFile]) -> Iterator[str]:
    """What a model without listing must lack: parts that its index names, or weights at all."""
    for path, file in files.items():
        if path.endswith(_SHARDS):
            folder = path.rpartition("/")[0]
            yield from (
                name for part in _parts(tree, file.file) if (name := f"{folder}/{part}".lstrip("/")) not in files
            )
    if "config.json" in files and not any(path.endswith(_WEIGHTS) for path in files):
        yield "model.safetensors"


def _parts(tree: Tree, file: str) -> set[str]:
    try:
        said = tree.json(file)
    except MregError:
        return set()
    names = said.get("weight_map") if isinstance(said, dict) else None
    return {name for name in names.values() if isinstance(name, str)} if isinstance(names, dict) else set()


def read_card(tree: Tree, files: Mapping[str, PlannedFile]) -> str:
    """The model card, empty where there is none that can be read."""
    if "README.md" not in files:
        return ""
    try:
        return tree.text(files["README.md"].file, _MAX_CARD)
    except MregError:
        return ""


def version_of(
    name: str, id: str, files: Mapping[str, PlannedFile], missing: tuple[str, ...], card: str
) -> PlannedVersion:
    """A snapshot. name: of its repository; id: its commit, which does not tell how much of it was there at an earlier
    import."""
    facts = facts_of(card)
    fields = front_matter(card).fields
    said = without_nothing({key: fields.get(key) for key in _FACTS})
    metadata = {"card": said, "metrics": _metrics(fields.get("model-index"))}
    return PlannedVersion(
        id=id,
        files=files,
        pinned=False,
        missing=missing,
        author=name.rpartition("/")[0].rpartition("/")[2] or None,
        message=f"{name} {id[:12]}",
        metadata=sayable(without_nothing(metadata)),
        tags=tags_of(facts.tags),
        inputs=tuple(PlannedInput(base, LATEST, f"hf://{base}") for base in dict.fromkeys(facts.base_models)),
    )


def _metrics(index: Any) -> dict[str, float]:
    """The results that a card claims: by the metric, and its data set where there are several."""
    rows = [
        (str(metric.get("type") or metric.get("name")), _dataset(result), metric.get("value"))
        for model in _mappings(index)
        for result in _mappings(model.get("results"))
        for metric in _mappings(result.get("metrics"))
    ]
    numbers = [(name, data, value) for name, data, value in rows if isinstance(value, int | float)]
    names = Counter(name for name, _, _ in numbers)
    return {name if names[name] == 1 else f"{name} {data}": float(value) for name, data, value in numbers}


def _dataset(result: Mapping[str, Any]) -> str:
    data = result.get("dataset")
    return str(data.get("name") or data.get("type") or "") if isinstance(data, dict) else ""


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
