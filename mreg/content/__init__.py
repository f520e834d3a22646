"""Immutable bytes: cutting files into chunks, codecs, formats, packs, chunks and objects."""
