"""Makes `mreg/values/alphabet.py`: the characters beyond ASCII of which names are made, as docs/format.md 2.6 says.

Run it with a Python whose `unicodedata` has Unicode 14.0.0, which is 3.11:

    python3.11 tests/values/make_alphabet.py >mreg/values/alphabet.py

The table is fixed in the format. It is made again only if the format gets another version of Unicode.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from textwrap import wrap

VERSION = "14.0.0"

IGNORABLE = {
    0x034F,
    *range(0x115F, 0x1161),
    *range(0x17B4, 0x17B6),
    *range(0x180B, 0x1810),
    0x3164,
    *range(0xFE00, 0xFE10),
    0xFFA0,
    *range(0xE0000, 0xE1000),
}
"""What is Default_Ignorable_Code_Point in DerivedCoreProperties-14.0.0.txt, without format characters (Cf), which no
category here has. `unicodedata` does not know this property."""

TABLES = {
    "LETTERS": ("letters and decimal digits", ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd")),
    "MARKS": ("marks, with which no name begins", ("Mn", "Mc", "Me")),
    "NUMBERS": ("other numbers, which tags may hold too", ("Nl", "No")),
}

HEADER = f'''"""The characters beyond ASCII of which names and tags are made: ranges of Unicode {VERSION}, without what
is default-ignorable (fillers, variation selectors). Made by `tests/values/make_alphabet.py`; not to be edited.

Python releases have tables of different age. What a name may hold is part of the format, so it is fixed here.
"""

from __future__ import annotations

from mreg.values.ranges import Ranges

VERSION = "{VERSION}"
'''

FOOTER = """
letters = Ranges(LETTERS)
marks = Ranges(MARKS)
numbers = Ranges(NUMBERS)
"""


def ranges(codes: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending code points as first and last of each run."""
    found: list[tuple[int, int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1] = found[-1][0], code
        else:
            found.append((code, code))
    return found


def source() -> str:
    """The module's text. Made by the tables of the running Python."""
    parts = [HEADER]
    for name, (what, categories) in TABLES.items():
        codes = (code for code in range(0x80, 0x110000) if code not in IGNORABLE)
        chosen = ranges(code for code in codes if unicodedata.category(chr(code)) in categories)
        text = " ".join(f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in chosen)
        lines = "\n".join(wrap(text, 118, break_on_hyphens=False))
        parts.append(f'\n{name} = """\n{lines}\n"""\n"""{what[0].upper()}{what[1:]}."""\n')
    return "".join(parts) + FOOTER


if __name__ == "__main__":
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"this Python has Unicode {unicodedata.unidata_version}, not {VERSION}")
    sys.stdout.write(source())
