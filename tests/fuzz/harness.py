"""Let atheris look for bytes that a parser cannot stand: `python harness.py TARGET CORPUS [-libfuzzer-option …]`."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["mreg"]):
    from targets import TARGETS


def main() -> None:
    name, corpus = sys.argv[1:3]
    target = TARGETS[name]
    Path(corpus).mkdir(exist_ok=True)
    for number, sample in enumerate(target.samples):
        Path(corpus, f"sample-{number}").write_bytes(sample)
    atheris.Setup([sys.argv[0], *sys.argv[3:], corpus], target.judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
