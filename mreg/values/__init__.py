"""Plain values, without input or output: names, digests, records, errors, and what the API returns."""

from __future__ import annotations

from mreg.lazy import modules_of

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from mreg.values import (
        ages as ages,
        alphabet as alphabet,
        annotation as annotation,
        digest as digest,
        directions as directions,
        entities as entities,
        filters as filters,
        hints as hints,
        names as names,
        paths as paths,
        patterns as patterns,
        plot as plot,
        properties as properties,
        records as records,
        transfers as transfers,
    )
else:
    __getattr__ = modules_of(__name__)
