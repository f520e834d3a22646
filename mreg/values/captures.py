"""What `log` may record of what surrounds it, as the setting log.capture and `--capture` name it."""

from __future__ import annotations

from typing import Final

WORDS: Final = ("git", "python", "packages", "argv", "gpu")
ALL, NONE = "all", "none"


def parse(text: str) -> tuple[str, ...]:
    """Of `git,packages`, `all` or `none`, in the order of WORDS. Raises ValueError."""
    given = text.replace(",", " ").split()
    if given == [NONE]:
        return ()
    if given == [ALL]:
        return WORDS
    if not given or not set(given) <= set(WORDS):
        raise ValueError(f"write {', '.join(WORDS)}, separated by commas; or all, or none")
    return tuple(word for word in WORDS if word in given)
