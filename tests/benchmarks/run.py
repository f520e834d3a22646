"""Measures what mreg promises about speed and space: `make bench`, or `python tests/benchmarks/run.py --help`.

What each row means, and what was measured where: docs/benchmarks.md. A missed target is told in the table, and
is no failure: times depend on the machine, and only its owner knows what else it was doing.
"""

from __future__ import annotations

import argparse
import compileall
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import buckets
import capturing
import cold
import comparing
import copying
import exporting
import importing
import loading
import real_models
import registries
import report
import searching
import sending
import series
import startup
import travelling
from measuring import Bench, BenchmarkFailed, Row, Skipped
from peers import NAMES, Peers, try_out
from workloads import FORMS, Form

import mreg

Measure = Callable[[Bench, Form, int, Peers], Iterator[Row | Skipped]]

GROUPS: dict[str, tuple[Measure, int]] = {
    startup.GROUP: (startup.measure, 1),
    cold.GROUP: (cold.measure, 3),
    capturing.GROUP: (capturing.measure, 1),
    copying.ONE: (copying.measure_one, 3),
    copying.MANY: (copying.measure_many, 3),
    buckets.GROUP: (buckets.measure, 3),
    searching.GROUP: (searching.measure, 1),
    comparing.GROUP: (comparing.measure, 3),
    importing.GROUP: (importing.measure, 5),
    exporting.GROUP: (exporting.measure, 3),
    travelling.GROUP: (travelling.measure, 3),
    sending.GROUP: (sending.measure, 15),
    loading.GROUP: (loading.measure, 3),
    series.GROUP: (series.measure, 5),
    real_models.GROUP: (real_models.measure, 15),
    registries.GROUP: (registries.measure, 1),
}
"""How each group is measured, and the share of the rounds that it makes do with, as a divisor."""


def main() -> int:
    options = _options()
    form = FORMS[options.form]
    if options.peer_rounds:
        form = replace(form, peer_rounds=options.peer_rounds)
    compileall.compile_dir(next(iter(mreg.__path__)), quiet=1)
    # Ended by a signal, it must not leave gigabytes behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    lines: list[Row | Skipped] = []
    with tempfile.TemporaryDirectory(prefix="mreg-bench-") as folder:
        result = report.Result(report.machine(folder), form, options.rounds, lines)
        try:
            found = try_out(Bench(Path(folder), options.peers_path), options.peers, form.levels)
            result.versions.update(found.versions)
            for group in options.only or GROUPS:
                print(f"measuring: {group}", file=sys.stderr)
                measure, divisor = GROUPS[group]
                with tempfile.TemporaryDirectory(dir=folder) as below:
                    bench = Bench(Path(below), options.peers_path)
                    for line in measure(bench, form, max(1, options.rounds // divisor), found):
                        lines.append(line)
        except BenchmarkFailed as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        finally:  # an hour's work is not lost with its last row
            _report(result, options)
    return 0


def _report(result: report.Result, options: argparse.Namespace) -> None:
    print(report.table(result))
    if options.json:
        text = json.dumps(report.document(result), indent=2)
        Path(options.json).write_text(text + "\n", encoding="utf-8")
    if options.markdown:
        Path(options.markdown).write_text(report.markdown(result.lines) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what mreg promises about speed and space.")
    parser.add_argument(
        "--rounds", type=_positive, default=15, help="for start-up; a third for copies, a fifth for checkpoints (15)"
    )
    parser.add_argument("--only", action="append", choices=list(GROUPS), metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--markdown", metavar="FILE", help="write tables for a page there too")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--full", dest="form", action="store_const", const="full", help="the sizes of the targets")
    form.add_argument("--tiny", dest="form", action="store_const", const="tiny", help="only to see that all runs")
    peers = parser.add_mutually_exclusive_group()
    peers.add_argument(
        "--peers",
        type=_peers,
        default=NAMES,
        metavar="NAME,...",
        help=f"which, where installed: {', '.join(NAMES)} (all)",
    )
    peers.add_argument("--no-peers", dest="peers", action="store_const", const=(), help="only mreg and its bounds")
    parser.add_argument("--peers-path", type=Path, metavar="DIR", help="look for the programs of peers there first")
    parser.add_argument(
        "--peer-rounds",
        type=_positive,
        metavar="N",
        help="rounds that peers take part in, at most (1; 3 with --full)",
    )
    parser.set_defaults(form="quick")
    return parser.parse_args()


def _peers(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(NAMES):
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(sorted(unknown))}")
    return names


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())
