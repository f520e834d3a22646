"""Takes apart what a person has typed into a shell so far. It may be anything, and none of it is ever run."""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    from typing import Final

_ENDS: Final = ";|&\n()`"
"""Characters behind which, unquoted, another command begins."""

_BEFORE: Final = frozenset(
    [
        "{",
        "!",
        "time",
        "sudo",
        "env",
        "command",
        "exec",
        "nohup",
        "builtin",
        "if",
        "then",
        "elif",
        "else",
        "while",
        "until",
        "do",
        "and",
        "or",
        "not",
        "begin",
    ]
)
"""Words that may stand before a command."""

_ESCAPED_IN_DOUBLE: Final = '"\\$`'


class Word:
    """A word of the line.

    text: as the command gets it. quote: the one that is open at its end, or nothing. target: of a redirection.
    """

    def __init__(self, target: bool = False) -> None:
        self.text = ""
        self.quote = ""
        self.target = target
        self._plain: list[tuple[str, int]] = []
        self._opened = 0

    def add(self, char: str, plain: bool) -> None:
        """plain: unquoted, so that a shell may break the word behind it."""
        self.text += char
        if plain:
            self._plain.append((char, len(self.text)))

    def turn(self, quote: str) -> None:
        """A quote that opens or closes."""
        self.quote = "" if self.quote else quote
        self._opened = len(self.text)
        self._plain.append((quote, len(self.text)))

    def kept(self, breaks: str) -> int:
        """How much of the text stays in the line when bash, which breaks words at these characters, completes it."""
        if self.quote:
            return self._opened
        return next((length for char, length in reversed(self._plain) if char in breaks), 0)


class Line:
    """The last command of the line, up to the cursor.

    words: its words but the last; the first is the command's name. last: the one at the cursor, perhaps empty.
    variables: those set for this command (`MREG_REPO=… mreg ls`).
    """

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        self.variables: dict[str, str] = {}
        self.last = Word()
        self._begun = False
        self._read(text)

    def _read(self, text: str) -> None:
        chars = iter(text)
        for char in chars:
            quote = self.last.quote
            if char == "\\" and quote != "'":
                escaped = next(chars, "")
                kept = "\\" if quote and escaped not in _ESCAPED_IN_DOUBLE else ""
                self._add(kept + escaped if escaped != "\n" else "")
            elif quote:
                self.last.turn(char) if char == quote else self._add(char)
            elif char in "'\"":
                self._begun = True
                self.last.turn(char)
            elif char in " \t":
                self._end()
            elif char in "<>":
                self._redirect()
            elif char in _ENDS and not (char == "&" and self.last.target):
                self._start_over()
            else:
                self._add(char, plain=True)

    def _add(self, text: str, plain: bool = False) -> None:
        self._begun = True
        for char in text:
            self.last.add(char, plain)

    def _end(self) -> None:
        """The word has ended, if there is one: blanks before it end nothing."""
        if not self._begun:
            return
        word, self.last, self._begun = self.last, Word(), False
        if word.target:
            return
        name, equals, value = word.text.partition("=")
        if not self.words and equals and name.isidentifier():
            self.variables[name] = value
        elif self.words or word.text not in _BEFORE:
            self.words.append(word.text)

    def _redirect(self) -> None:
        if self.last.text.isdigit():  # the number of a stream
            self._begun = False
        self._end()
        self.last, self._begun = Word(target=True), False

    def _start_over(self) -> None:
        self.words, self.variables, self.last, self._begun = [], {}, Word(), False
