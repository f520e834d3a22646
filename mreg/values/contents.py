"""What the files of a version are to hold, where they are not all files of that name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO

Content = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""The path of a file, bytes, or a stream of bytes, which is read to its end."""

Contents = Mapping[str, Content]
"""By path in the version."""
