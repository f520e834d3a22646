"""The command line: each command parses its arguments, calls the facade, and prints one result."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.cli import (
        as_json as as_json,
        changes as changes,
        choosing as choosing,
        columns as columns,
        completion as completion,
        errors as errors,
        exit_codes as exit_codes,
        guesses as guesses,
        help as help,
        history_page as history_page,
        lineage_views as lineage_views,
        log_result as log_result,
        other_words as other_words,
        parser as parser,
        redirected as redirected,
        report as report,
        rich_output as rich_output,
        show_page as show_page,
        state as state,
        tables as tables,
        tensor_table as tensor_table,
        usage as usage,
    )
else:
    __getattr__ = modules_of(__name__)
