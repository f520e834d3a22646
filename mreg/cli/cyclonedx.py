"""A version as a CycloneDX 1.6 machine learning bill of materials: https://cyclonedx.org/docs/1.6/json/.

The same bytes for the same version: its number and time are the version's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mreg import __version__, lazy
from mreg.cli.output import time_text
from mreg.values.metadata import flatten

if TYPE_CHECKING:
    from mreg import File, Lineage, LineageNode, Version
    from mreg.values.records import DataSource

METRICS = "metrics."


def document(found: Lineage, version: Version, files: Sequence[File]) -> dict[str, Any]:
    nodes = {node.digest: node for node in found.nodes}
    inputs = [nodes[step.input] for step in found.steps if step.result == found.digest]
    sources = [_source(at, one) for at, one in enumerate(nodes[found.digest].sources)]
    component = _version(nodes[found.digest]) | {
        "description": version.message,
        "authors": [{"name": version.author}],
        "components": [_file(at, file) for at, file in enumerate(files)],
        "modelCard": {"quantitativeAnalysis": {"performanceMetrics": _metrics(version)}},
        "properties": [*_properties(version)],
    }
    if version.licenses:
        component["licenses"] = [_license(name) for name in version.licenses]
    pedigree: dict[str, Any] = {"ancestors": [_version(node, "ancestor-") for node in inputs]}
    if commit := nodes[found.digest].commit:
        pedigree["commits"] = [{"uid": commit}]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{lazy.load('uuid').UUID(found.digest[:32], version=4)}",
        "version": 1,
        "metadata": {
            "timestamp": time_text(version.created),
            "tools": {"components": [{"type": "application", "name": "mreg", "version": __version__}]},
            "component": component | {"pedigree": pedigree},
        },
        "components": sources,
        "dependencies": [{"ref": found.digest, "dependsOn": [one["bom-ref"] for one in sources]}],
    }


def _version(node: LineageNode, prefix: str = "") -> dict[str, Any]:
    name, _, number = node.name.partition(":")
    return {"type": "machine-learning-model", "bom-ref": prefix + node.digest, "name": name, "version": number}


def _file(at: int, file: File) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"file-{at}",
        "name": file.path,
        "hashes": [{"alg": "BLAKE3", "content": file.digest}],
        "properties": [{"name": "mreg:size", "value": str(file.size)}],
    }


def _source(at: int, source: DataSource) -> dict[str, Any]:
    """Data. What digests there are is told as a property: that of a folder is no hash of bytes."""
    known = (("kind", source.kind), ("digest", source.digest), ("size", source.size))
    return {
        "type": "data",
        "bom-ref": f"data-{at}",
        "name": source.name,
        "properties": [{"name": f"mreg:{key}", "value": str(value)} for key, value in known if value is not None],
    }


_SPDX = (
    "AFL-3.0 Apache-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC-BY-2.0 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-4.0 CC-BY-NC-ND-4.0 "
    "CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 ECL-2.0 EPL-2.0 EUPL-1.2 ISC MIT MPL-2.0 MS-PL "
    "NCSA OFL-1.1 OSL-3.0 PostgreSQL Unlicense WTFPL Zlib"
)
"""Identifiers of https://spdx.org/licenses that people write on cards, as the Hugging Face Hub lists them."""


def _license(name: str) -> dict[str, Any]:
    """By its SPDX identifier where it is the only one meant: `gpl-3.0` may be two of them."""
    known = {one.lower(): one for one in _SPDX.split()}
    said = {"id": known[name.lower()]} if name.lower() in known else {"name": name}
    return {"license": said}


def _metrics(version: Version) -> list[dict[str, str]]:
    """Numbers among the metadata below `metrics`."""
    found = flatten(version.metadata)
    numbers = {key: value for key, value in found.items() if isinstance(value, int | float) and value is not True}
    return [
        {"type": key.removeprefix(METRICS), "value": str(value)}
        for key, value in numbers.items()
        if key.startswith(METRICS) and value is not False
    ]


def _properties(version: Version) -> list[dict[str, str]]:
    pairs = (("digest", version.digest), ("manifest", version.manifest), ("run", version.run), ("host", version.host))
    return [{"name": f"mreg:{key}", "value": value} for key, value in pairs if value]
