"""What people use instead: each as it is when just installed, with its usual settings, unless it says otherwise here.

None of them is needed. Those that are not there, or do not work, are left out with the reason.
Which of them flush was seen with `strace -f -e trace=fsync,fdatasync,syncfs`; docs/benchmarks.md has the versions.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from measuring import Bench, BenchmarkFailed
from tools import MREG, MREG_PLAIN, Station, Tool

RESTIC = Tool(
    "restic",
    setup="restic init -q -r repo",
    log='restic -q -r repo backup "$SOURCE"',
    get="restic -q -r repo restore latest --target got",
    program="restic",
    how="apt-get install restic",
    version="restic version",
    log_flushed=True,  # every pack file and its folder; not what it restores
    shrinks=True,
)

BORG = Tool(
    "borg",
    setup="borg init -e none repo",
    log='borg create "repo::v$NUMBER" "$SOURCE"',
    get='mkdir -p got && cd got && borg extract "../repo::v$NUMBER" && cd ..',
    program="borg",
    how="apt-get install borgbackup",
    version="borg --version",
    log_flushed=True,  # its segments; not what it extracts
    shrinks=True,
)

DVC = Tool(
    "dvc",
    setup="dvc init -q --no-scm && dvc config core.check_update false",
    log="dvc add -q source",
    get="dvc checkout -q",
    out="source",
    kept=".dvc/cache",
    program="dvc",
    how="pip install dvc, in a .venv of its own",
    version="dvc --version",
    inside="source",
)

# The file itself becomes its copy in the cache.
DVC_LINKS = replace(DVC, name="dvc, hard links", setup=f"{DVC.setup} && dvc config cache.type hardlink", moves=True)

GIT_LFS = Tool(
    "git-lfs",
    setup="git init -q && git config gc.auto 0 && git lfs install --local && git lfs track '*' &&"
    " git add .gitattributes && git commit -q -m 'use lfs'",
    log="git add -A source && git commit -q --allow-empty -m log",
    get="git checkout -q -- source",
    out="source",
    kept=".git",
    program="git-lfs",
    how="apt-get install git-lfs",
    version="git lfs version",
    inside="source",
)

GIT_ANNEX = Tool(
    "git-annex",
    setup="git init -q work && cd work && git config gc.auto 0 && git annex init -q",
    log="cd work && git annex add --quiet source && git commit -q --allow-empty -m log",
    get="[ -d got ] || git clone -q work got && cd got && git annex get --quiet . && cd ..",
    kept="work/.git",
    program="git-annex",
    how="apt-get install git-annex",
    version="git annex version --raw",
    inside="work/source",
    moves=True,
)

# In one process, as a training program would: the command line can only add to a run that exists.
_MLFLOW = """
import os, mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
""".strip()
_MLFLOW_LOG = f"""{_MLFLOW}
with mlflow.start_run():
    mlflow.log_artifacts(os.environ["SOURCE"])"""
_MLFLOW_GET = f"""{_MLFLOW}
run, = mlflow.search_runs(["0"], max_results=1, output_format="list")
mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path="got")"""


def _mlflow_python(code: str) -> str:
    return f'"$(dirname "$(readlink -f "$(command -v mlflow)")")/python" -c \'{code}\''


MLFLOW = Tool(
    "mlflow",
    setup=_mlflow_python(f"{_MLFLOW}\nmlflow.search_experiments()"),
    log=_mlflow_python(_MLFLOW_LOG),
    get=_mlflow_python(_MLFLOW_GET),
    kept="mlruns",
    program="mlflow",
    how="pip install mlflow, in a .venv of its own",
    version="mlflow --version",
)

STORES = (RESTIC, BORG, DVC, DVC_LINKS, GIT_LFS, GIT_ANNEX, MLFLOW)


def zstd(level: int) -> Tool:
    """Only makes files smaller, each by itself, and so has no part where versions are measured."""
    return Tool(
        f"zstd -{level}",
        setup="mkdir repo",
        log=f'cp -r "$SOURCE" "repo/$NUMBER" && zstd -q -{level} --rm -r "repo/$NUMBER"',
        program="zstd",
        how="apt-get install zstd",
        version="zstd --version",
        shrinks=True,
    )


NAMES = tuple(dict.fromkeys(peer.program for peer in (*STORES, zstd(1))))


@dataclass(frozen=True)
class Peers:
    """Those that are asked for. missing: which of them, and of mreg's own, cannot take part, and why. versions: by
    program."""

    all: tuple[Tool, ...]
    missing: Mapping[Tool, str]
    versions: Mapping[str, str]

    @property
    def stores(self) -> tuple[Tool, ...]:
        """Those that keep versions and give them back."""
        return tuple(tool for tool in self.all if tool.get)

    @property
    def shrinking(self) -> tuple[Tool, ...]:
        """Those that can make real weights smaller."""
        return tuple(tool for tool in self.all if tool.shrinks)


def try_out(bench: Bench, names: Sequence[str], levels: Sequence[int]) -> Peers:
    """Let the peers of these names, and mreg, log a small file and get it back: who cannot is missing. It also fills
    their caches of bytecode. levels: of zstd. Raises BenchmarkFailed where it is mreg that cannot."""
    source = bench.folder / "small"
    source.mkdir()
    (source / "small.bin").write_bytes(b"small" * 1000)
    wanted = tuple(peer for peer in (*STORES, *map(zstd, levels)) if peer.program in names)
    missing, versions = {}, {}
    for tool in (*wanted, MREG, MREG_PLAIN):
        if shutil.which(tool.program, path=bench.environment["PATH"]) is None:
            missing[tool] = f"not installed ({tool.how})"
            continue
        try:
            if tool.version:
                versions[tool.program] = bench.answer("sh", "-c", tool.version).splitlines()[0]
            with Station(bench, tool) as station:
                station.take(source)
                station.log()
                if tool.get:
                    station.clear()
                    station.get()
        except BenchmarkFailed as error:
            if tool is MREG:
                raise BenchmarkFailed(f"{tool.name}: {error}") from error
            missing[tool] = str(error)
    return Peers(wanted, missing, versions)
