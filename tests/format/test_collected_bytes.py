"""docs/format.md, section 7.3: the worked bytes of collected indexes are those of a worked pack, and are read."""

from __future__ import annotations

import re
import zlib

from test_bundle_bytes import FORMAT, hexdump
from test_format_worked_bytes import WORKED_2, stored

from mreg.content import packs
from mreg.session import pack_indexes

KEY = "packs/c8/49bb9520df3b8a9f2b24c27ee63d22f8436a49a800fb4778319d07b16da182.pack"


def test_the_worked_collection_is_what_is_written_and_read() -> None:
    found = re.search(r"<!-- collected \(hexdump\) -->\n```\n(.*?)\n```", FORMAT, re.DOTALL)
    name = packs.name_of(KEY)
    assert found and name
    raw = packs.read_raw(stored(WORKED_2), name)

    data = pack_indexes.encode([raw])

    assert hexdump(zlib.decompress(data)) == found[1]
    assert [one.name for one in pack_indexes.decode(data)] == [name]
