"""Folders for the Hugging Face Hub, as its own library sees them before it sends anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "importers"))  # where `tools` is: test folders are no packages

import tools

from mreg.repository import Repository

CARD = "---\ntags: [nlp]\nmodel-index:\n- name: bert\n  results: []\n---\n# BERT\n\nReads *text*.\n"

PREPARE = """
import json, sys
from huggingface_hub import CommitOperationAdd, HfApi, ModelCard
folder = sys.argv[1]
card = ModelCard.load(f"{folder}/README.md")
api = HfApi(token=False)
api._validate_yaml = lambda **_: None  # the Hub is asked for that: there is none here
added = api._prepare_upload_folder_additions(folder, path_in_repo="", repo_type="model")
print(json.dumps({
    "card": card.data.to_dict(),
    "text": card.text.strip(),
    "files": {one.path_in_repo: one.upload_info.sha256.hex() for one in added if isinstance(one, CommitOperationAdd)},
}))
"""


@tools.needs("huggingface_hub")
def test_the_hubs_own_library_takes_the_folder(repo: Repository, folder: Callable[..., str], tmp_path: Path) -> None:
    # given
    files = {
        "model.safetensors": b"weights",
        "config.json": b"{}",
        "ümläut/два.txt": b"text",
        "README.md": CARD.encode(),
    }
    repo.log(folder(files), "bert", metadata={"acc": 0.5}, message="first: *one*")
    repo.link("bert", "encoder")
    repo.set_card("encoder", "---\nlicense: apache-2.0\nbase_model: org/base\n---\nEncodes.\n")

    # when
    repo.export("bert", tmp_path / "bert", "hf")
    repo.export("encoder", tmp_path / "encoder", "hf")
    told = {
        name: json.loads(tools.run_python(PREPARE, str(tmp_path / name), cwd=tmp_path)) for name in ("bert", "encoder")
    }

    # then
    for name, said in told.items():
        assert said["files"] == {
            str(path.relative_to(tmp_path / name)): sha256(path.read_bytes()).hexdigest()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        assert said["files"].keys() >= files.keys()
    assert told["bert"]["card"]["tags"] == ["nlp"]
    assert told["bert"]["card"]["license"] == "apache-2.0", "of the model that links it"
    assert told["bert"]["text"].startswith("# BERT")
    assert told["encoder"]["card"]["base_model"] == "org/base"
    assert told["encoder"]["card"]["mreg"]["version"] == "bert:v0"


@tools.needs("huggingface_hub")
def test_a_card_that_mreg_made_is_one(repo: Repository, folder: Callable[..., str], tmp_path: Path) -> None:
    repo.log(folder({"w.bin": b"w"}), "net", metadata={"a|b": "<script>", "acc": 0.5}, message="--- # odd: [words")

    repo.export("net", tmp_path / "net", "hf")

    said = json.loads(tools.run_python(PREPARE, str(tmp_path / "net"), cwd=tmp_path))
    assert said["card"]["mreg"]["version"] == "net:v0"
    assert said["text"].startswith("# net")
