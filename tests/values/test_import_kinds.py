"""The kinds of sources, and what people call them."""

from __future__ import annotations

import pytest

from mreg.importers import kinds
from mreg.values.import_kinds import _OTHER_WORDS, KINDS, meant


def test_they_are_those_of_the_importers() -> None:
    assert tuple(kinds.KINDS) == KINDS
    assert set(_OTHER_WORDS.values()) <= set(KINDS)
    assert not set(_OTHER_WORDS) & set(KINDS)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((kind, kind) for kind in KINDS),
        ("hf", "huggingface"),
        ("Hugging Face", "huggingface"),
        ("huggingface_hub", "huggingface"),
        ("huggingfac", "huggingface"),
        ("W&B", "wandb"),
        ("weights-and-biases", "wandb"),
        ("ML-flow", "mlflow"),
        ("ckpt", "checkpoints"),
        ("folder", "checkpoints"),
        ("ModelPack", "oci"),
        ("git", "gto"),
    ],
)
def test_other_words_for_a_kind_lead_to_it(text: str, kind: str) -> None:
    assert meant(text)[0] == kind


@pytest.mark.parametrize("text", ["", "csv", "-", "zip", "onnx", "\udcff"])
def test_a_word_that_is_far_from_all_of_them_leads_nowhere(text: str) -> None:
    assert meant(text) == []
