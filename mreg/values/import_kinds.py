"""What `mreg import` can read, and what people call it."""

from __future__ import annotations

from typing import Final

from mreg.values.names import near

KINDS: Final = ("huggingface", "dvc", "gto", "mlflow", "oci", "wandb", "checkpoints")

_OTHER_WORDS: Final = {
    **dict.fromkeys(("hf", "hfcache", "hfhub", "hub", "huggingfacehub"), "huggingface"),
    **dict.fromkeys(("git", "gittags", "tags"), "gto"),
    **dict.fromkeys(
        ("container", "docker", "image", "kit", "kitops", "layout", "modelkit", "modelpack", "ocilayout", "oras"), "oci"
    ),
    **dict.fromkeys(("wb", "wandbai", "weightsandbiases", "weightsbiases"), "wandb"),
    **dict.fromkeys(
        ("ckpt", "ckpts", "dir", "directory", "file", "files", "folder", "folders", "lightning", "local", "trainer"),
        "checkpoints",
    ),
}
"""Without signs and in lower case, as `_plain` makes them."""


def meant(text: str) -> list[str]:
    """The kinds that somebody may have meant, best first."""
    words = {**dict.fromkeys(KINDS), **_OTHER_WORDS}
    plain = _plain(text)
    found = [plain] if plain in words else near(plain, list(words))
    return list(dict.fromkeys(words[one] or one for one in found))


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
