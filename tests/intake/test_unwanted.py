"""Files that are seldom meant to be logged are known by their names."""

from __future__ import annotations

import pytest

from mreg.intake.unwanted import unwanted
from mreg.values.patterns import Patterns


@pytest.mark.parametrize(
    ("path", "kind", "pattern"),
    [
        (".env", "secret", ".env"),
        ("conf/.env.production", "secret", ".env.*"),
        ("keys/id_rsa", "secret", "id_rsa"),
        ("server.KEY", "secret", "*.KEY"),
        (".aws/config", "secret", ".aws/"),
        (".ssh/known_hosts", "secret", ".ssh/"),
        ("a/.DS_Store", "clutter", ".DS_Store"),
        ("a/__pycache__/b.pyc", "clutter", "__pycache__/"),
        ("model.py~", "clutter", "*~"),
        ("THUMBS.DB", "clutter", "THUMBS.DB"),
        ("model.safetensors.incomplete", "clutter", "*.incomplete"),
    ],
)
def test_what_is_noticed_is_left_out_by_the_pattern_that_is_told(path: str, kind: str, pattern: str) -> None:
    (noticed,) = unwanted([path, "model.safetensors"])

    assert noticed == (kind, pattern, 1, path)
    parts = path.split("/")
    above = ["/".join(parts[:depth]) + "/" for depth in range(1, len(parts))]
    assert any(Patterns([pattern]).match(one) for one in (*above, path))


@pytest.mark.parametrize(
    "path",
    [".env.example", "id_rsa.pub", "environment", "keyboard.txt", "config.json", ".gitattributes", "pem", "vocab.txt"],
)
def test_what_looks_alike_is_not_noticed(path: str) -> None:
    assert unwanted([path]) == ()


def test_files_of_one_pattern_are_counted_and_secrets_come_first() -> None:
    found = unwanted(["__pycache__/a.pyc", "__pycache__/b.pyc", "z.pem"])

    assert found == (("secret", "*.pem", 1, "z.pem"), ("clutter", "__pycache__/", 2, "__pycache__/a.pyc"))


def test_what_was_named_by_itself_is_wanted() -> None:
    assert unwanted(["model.pem", "other.pem"], {"model.pem"}) == (("secret", "*.pem", 1, "other.pem"),)
