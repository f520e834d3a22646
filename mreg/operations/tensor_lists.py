"""The tensors of a version, told by the headers of its files."""

from __future__ import annotations

from mreg import checkout, values
from mreg.checkout.reader import DamagedFile
from mreg.content.formats import listing, safetensors
from mreg.operations.files import UnknownFile, manifest_of
from mreg.operations.resolve import resolve
from mreg.session.context import Context
from mreg.values.file_names import stored
from mreg.values.tensors import SkippedTensor, Tensor, Tensors


def tensors(context: Context, reference: str, path: str | None) -> Tensors:
    """See `Repository.tensors`. Raises NotFound, Damaged."""
    view = context.quick_view()
    resolved = resolve(context, reference, view)
    files = {file.path: file for file in manifest_of(context, resolved).files}
    if path is not None and path not in files and (path := stored(path)) not in files:
        raise UnknownFile(version=resolved.name, path=path, near=values.names.near(path, list(files)))
    reader = checkout.reader.Reader(context, resolved.name, view.look)
    found: list[Tensor] = []
    skipped: list[SkippedTensor] = []
    said: dict[str, dict[str, str]] = {}
    for file in files.values() if path is None else (files[path],):
        try:
            opened = checkout.opened.OpenFile(reader, file)
            listed, reason, broken = listing.tensors_of(opened, file.size, file.path)
            words = safetensors.said(opened, file.size) if file.path.endswith(".safetensors") else {}
        except DamagedFile as error:
            skipped.append(SkippedTensor(file.path, None, error.reason, damaged=True))
            continue
        found += listed
        skipped += [SkippedTensor(file.path, one.name, one.reason, one.damaged) for one in broken]
        if reason:
            skipped.append(SkippedTensor(file.path, None, reason))
        if words:
            said[file.path] = words
    return Tensors(tuple(found), tuple(skipped), said)
