"""Where the tensors lie inside a file: just enough of each format to cut the file well.

Nothing here reads values. A map of a file is advice on where to cut it; it never decides what the file is
or what its digest is. Hence the one rule of every module below: a file that is not what it claims to be
has no map, and that is not an error. Only `OSError` of real input and output leaves this package.

What a map costs is bounded, whatever a file claims: time by the length of its header or directory, memory
by `safetensors.HEADER_MOST` or `zipped.DIRECTORY_MOST` while it is made, and by `spans.MOST_PARTS` parts.
"""
