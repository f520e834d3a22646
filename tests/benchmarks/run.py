"""Measures what mreg promises about speed and space: `make bench`, or `python tests/benchmarks/run.py --help`.

What each row means, and what was measured where: docs/benchmarks.md. A missed target is told in the table, and
is no failure: times depend on the machine, and only its owner knows what else it was doing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import copying
import deduplication
import report
import startup
from measuring import Bench, BenchmarkFailed, Row
from workloads import FORMS, Form

Measure = Callable[[Bench, Form, int], Iterator[Row]]

GROUPS: dict[str, tuple[Measure, int]] = {
    startup.GROUP: (startup.measure, 1),
    deduplication.GROUP: (deduplication.measure, 1),
    copying.ONE: (copying.measure_one, 3),
    copying.MANY: (copying.measure_many, 3),
}
"""How each group is measured, and the share of the rounds that it makes do with, as a divisor."""


def main() -> int:
    options = _options()
    form = FORMS[options.form]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="mreg-bench-") as folder:
        facts = report.machine(folder)
        for group in options.only or GROUPS:
            print(f"measuring: {group}", file=sys.stderr)
            measure, divisor = GROUPS[group]
            with tempfile.TemporaryDirectory(dir=folder) as below:
                try:
                    rows += measure(Bench(Path(below)), form, max(1, options.rounds // divisor))
                except BenchmarkFailed as error:
                    print(f"error: {error}", file=sys.stderr)
                    return 1
    print(report.table(facts, form, options.rounds, rows))
    if options.json:
        document = report.document(facts, form, options.rounds, rows)
        Path(options.json).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what mreg promises about speed and space.")
    parser.add_argument("--rounds", type=_positive, default=15, help="rounds for start-up; a third for copies (15)")
    parser.add_argument("--only", action="append", choices=list(GROUPS), metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--full", dest="form", action="store_const", const="full", help="the sizes of the targets")
    form.add_argument("--tiny", dest="form", action="store_const", const="tiny", help="only to see that all runs")
    parser.set_defaults(form="quick")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())
