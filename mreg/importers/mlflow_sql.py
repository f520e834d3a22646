"""MLflow's SQLite database, of any release: columns that it lacks are taken as empty.

A copy of it is read. To open the original could write beside it: a database that was not closed has changes in other
files, which the first who opens it takes over."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from mreg.checkout.space import check_space
from mreg.importers.faults import MalformedSource
from mreg.importers.mlflow_rows import Facts, ModelRow, VersionRow, model_row, version_row, whole
from mreg.importers.omissions import Omissions
from mreg.importers.plan import Scratch
from mreg.importers.tree import Tree
from mreg.importers.yaml_files import text
from mreg.small_files import read_start

_MAGIC: Final = b"SQLite format 3\0"
_BESIDE: Final = ("-wal", "-journal")
_NEEDED: Final = {"registered_models": "name", "model_versions": "version"}
_MOST_STEPS: Final = 20_000
"""Thousands of steps that a query may take: a hostile database can have tables that never end."""

_LONGEST: Final = 1 << 20
"""Bytes of a value: a function can make a gigabyte in one step."""
_MOST_TEXT: Final = 256 << 20
"""Bytes of the texts of a query."""
_BLOCK: Final = 1 << 20

Row = dict[str, Any]


def is_database(tree: Tree, path: str) -> bool:
    """Whether it is one of SQLite; of what, only `SqlStore` tells."""
    if not tree.is_file(path):
        return False
    try:
        return read_start(path, len(_MAGIC)) == _MAGIC
    except OSError:
        return False


class SqlStore:
    """Raises MalformedSource where it is not an MLflow database, NoSpace."""

    def __init__(self, tree: Tree, path: str, scratch: Scratch) -> None:
        self.omitted = Omissions()
        self._path = path
        self._copy = scratch.path()
        if not is_database(tree, path):
            raise MalformedSource(path=path, reason="it is not an MLflow database")
        found = [ending for ending in ("", *_BESIDE) if tree.is_file(path + ending)]
        temporary = os.path.dirname(os.path.dirname(self._copy))
        check_space(temporary, [os.path.getsize(path + ending) for ending in found])
        for ending in found:
            with tree.open(path + ending) as file, open(self._copy + ending, "xb") as copy:
                shutil.copyfileobj(file, copy, _BLOCK)
        for table, column in _NEEDED.items():
            if column not in self._columns(table):
                raise MalformedSource(path=path, reason="it is not an MLflow database")

    def models(self) -> list[ModelRow]:
        versions, tags = self._by("model_versions", "name"), self._by("model_version_tags", "name")
        model_tags, aliases = self._by("registered_model_tags", "name"), self._by("registered_model_aliases", "name")
        return [
            model_row(
                name,
                row,
                _pairs(model_tags.get(name, [])),
                {text(one.get("alias")): whole(one.get("version")) or 0 for one in aliases.get(name, [])},
                _versions(versions.get(name, []), tags.get(name, [])),
            )
            for row in self._rows("SELECT * FROM registered_models ORDER BY name")
            if (name := text(row.get("name")))
        ]

    def run(self, run: str) -> Facts:
        row = self._one("runs", "run_uuid", run)
        metrics = self._where("latest_metrics", "run_uuid", run)
        return Facts(
            text(row.get("artifact_uri")),
            text(row.get("user_id")),
            {text(one.get("key")): _value(one.get("value"), one.get("is_nan")) for one in metrics},
            _pairs(self._where("params", "run_uuid", run)),
        )

    def logged(self, model: str) -> Facts:
        row = self._one("logged_models", "model_id", model)
        metrics = sorted(
            self._where("logged_model_metrics", "model_id", model),
            key=lambda one: (whole(one.get("metric_step")) or 0, whole(one.get("metric_timestamp_ms")) or 0),
        )
        params = self._where("logged_model_params", "model_id", model)
        return Facts(
            text(row.get("artifact_location")),
            "",
            {text(one.get("metric_name")): _value(one.get("metric_value"), 0) for one in metrics},
            {text(one.get("param_key")): text(one.get("param_value")) for one in params},
        )

    def _by(self, table: str, column: str) -> dict[str, list[Row]]:
        """All rows of the table, by what the column says."""
        found: dict[str, list[Row]] = {}
        for row in self._rows(f"SELECT * FROM {table}") if self._columns(table) else ():
            found.setdefault(text(row.get(column)), []).append(row)
        return found

    def _where(self, table: str, column: str, value: str) -> list[Row]:
        there = column in self._columns(table)
        return list(self._rows(f"SELECT * FROM {table} WHERE {column} = ?", value)) if value and there else []

    def _one(self, table: str, column: str, value: str) -> Row:
        return next(iter(self._where(table, column, value)), {})

    def _columns(self, table: str) -> set[str]:
        return {str(row["name"]) for row in self._rows(f"PRAGMA table_info({table})")}

    def _rows(self, query: str, *values: str) -> Iterator[Row]:
        """Raises MalformedSource."""
        try:
            with closing(sqlite3.connect(f"file:{self._copy}?mode=rw", uri=True)) as database:
                database.execute("PRAGMA trusted_schema = OFF")
                database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
                database.text_factory = lambda data: data.decode("utf-8", "replace")
                steps = iter(range(_MOST_STEPS))
                database.set_progress_handler(lambda: next(steps, None) is None, 1000)
                cursor = database.execute(query, values)
                names = [column[0] for column in cursor.description or ()]
                rows = [dict(zip(names, row, strict=True)) for row in self._bounded(cursor)]
            yield from rows
        except (sqlite3.Error, MemoryError) as error:
            raise MalformedSource(path=self._path, reason=f"SQLite says: {error}") from None

    def _bounded(self, cursor: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
        """Raises MalformedSource where the rows hold more than anything would have to be told."""
        size = 0
        for row in cursor:
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if size > _MOST_TEXT:
                raise MalformedSource(path=self._path, reason=f"a table holds more than {_MOST_TEXT >> 20} MiB")
            yield row


def _versions(rows: list[Row], tags: list[Row]) -> Iterator[VersionRow]:
    by_number: dict[int | None, list[Row]] = {}
    for tag in tags:
        by_number.setdefault(whole(tag.get("version")), []).append(tag)
    for row in rows:
        number = whole(row.get("version"))
        if number is None:
            continue
        found = version_row(number, row, _pairs(by_number.get(number, [])))
        model = found.source.removeprefix("models:/") if found.source.startswith("models:/m-") else ""
        yield found._replace(model=model)


def _pairs(rows: list[Row]) -> dict[str, str]:
    return {text(row.get("key")): text(row.get("value")) for row in rows}


def _value(value: Any, is_nan: Any) -> float:
    return float("nan") if is_nan or not isinstance(value, int | float) else float(value)
