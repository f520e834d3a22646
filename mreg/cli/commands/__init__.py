"""The commands, one module a subject. `mreg.cli.registry` says which is where.

None says `from __future__ import annotations`: typer reads the annotations, and to evaluate each of them from its text
takes some milliseconds.
"""
