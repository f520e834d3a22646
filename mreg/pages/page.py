"""A whole page: style and script stand in it, and it may load nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from mreg.pages.markup import Markup, element, text

MARK = '<meta name="generator" content="mreg html">'
"""Tells pages that may be replaced from other people's files."""


def page(title: str, body: Markup) -> str:
    """The document. It may use the one style and the one script that are named by their digests, and nothing else."""
    style, script = _asset("page.css"), _asset("page.js")
    allowed = f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}"
    policy = f"{allowed}; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{text(policy)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n{MARK}\n'
        f"{element('title', title)}\n<style>{style}</style>\n</head>\n<body>\n{body}\n<script>{script}</script>\n"
        "</body>\n</html>\n"
    )


@cache
def _asset(name: str) -> str:
    return resources.files("mreg.pages").joinpath(name).read_text(encoding="utf-8")


def _source(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
