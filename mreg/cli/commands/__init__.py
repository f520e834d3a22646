"""The commands, one module per subject. `mreg.cli.registry` says where each one is.

None of them says `from __future__ import annotations`: typer reads the annotations, and evaluating each one from text
takes milliseconds.
"""
