"""Model files as the libraries write them, as bytes; and what holds for every map of a file."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import model_files
import numpy as np
import pytest
from safetensors.numpy import save

from mreg.content.formats.gguf import TYPES
from mreg.content.formats.spans import ITEM_SIZE, NAME_MOST, Kind, Span


class _Models(dict[str, bytes]):
    def __repr__(self) -> str:  # Hypothesis prints a failing test's arguments
        return f"<{', '.join(self)}>"


@pytest.fixture(scope="session")
def torch_zip() -> Callable[[Mapping[str, bytes]], bytes]:
    return model_files.torch_zip


@pytest.fixture(scope="session")
def npz() -> Callable[..., bytes]:
    return model_files.npz


@pytest.fixture(scope="session")
def npy() -> Callable[..., bytes]:
    return model_files.npy


@pytest.fixture(scope="session")
def gguf() -> Callable[..., bytes]:
    return model_files.gguf


@pytest.fixture(scope="session")
def h5() -> Callable[..., bytes]:
    return model_files.h5


@pytest.fixture(scope="session")
def keras() -> Callable[..., bytes]:
    return model_files.keras


@pytest.fixture(scope="session")
def measured() -> Callable[[Callable[[], Any]], tuple[Any, int]]:
    """What a call returns, and the most memory that it took."""

    def measure(call: Callable[[], Any]) -> tuple[Any, int]:
        tracemalloc.start()
        try:
            return call(), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure


@pytest.fixture(scope="session")
def models() -> dict[str, bytes]:
    """One file of every format that is known, each with tensors shorter and longer than any threshold."""
    random = np.random.default_rng(7)
    arrays = {
        "scalar": np.float32(1),
        "bias": random.standard_normal(40).astype("f4"),
        "weight": random.standard_normal((64, 96)).astype("f4"),
        "embedding": random.standard_normal((300, 512)).astype("f8"),
        "empty": np.zeros((0, 3), "f4"),
    }
    torch = {"m/data.pkl": random.bytes(1500), "m/version": b"3\n"}
    torch |= {f"m/data/{number}": array.tobytes() for number, array in enumerate(arrays.values())}
    some = {name: array for name, array in arrays.items() if array.ndim and array.size}
    return _Models(
        {
            "safetensors": save({name: np.asarray(array) for name, array in arrays.items()}),
            "torch": model_files.torch_zip(torch),
            "npz": model_files.npz(arrays),
            "npz compressed": model_files.npz(arrays, compressed=True),
            "keras": model_files.keras(arrays),
            "h5": model_files.h5(arrays),
            "gguf": model_files.gguf(some, words=["a", "list", "of", "words"] * 100),
            "npy": model_files.npy(arrays["embedding"]),
            "opaque": random.bytes(300_000),
        }
    )


QUANTISED = {name for name, block, _ in TYPES.values() if block > 1}


@pytest.fixture(scope="session")
def assert_covers() -> Callable[[list[Span] | None, int], None]:
    """What is promised of every map, whatever the file."""

    def check(spans: list[Span] | None, size: int) -> None:
        assert spans is not None
        ends = [0, *(span.start + span.length for span in spans)]
        assert [span.start for span in spans] == ends[:-1]
        assert ends[-1] == size
        assert all(before < after for before, after in pairwise(ends))
        lengths: dict[bytes, int] = {}
        for span in spans:
            assert (span.name != b"") == (span.kind is Kind.TENSOR)
            assert len(span.name) <= NAME_MOST
            assert span.dtype in {"", *ITEM_SIZE, *QUANTISED}
            assert span.length % ITEM_SIZE.get(span.dtype, 1) == 0
            assert span.kind is Kind.TENSOR or span.dtype == ""
            if span.name:
                assert lengths.setdefault(span.name, span.length) == span.length

    return check
