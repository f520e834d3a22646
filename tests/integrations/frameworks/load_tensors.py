"""Reads tensors of every dtype that torch has out of a version, without a copy on disk: the values that were saved."""

import sys

import torch
from safetensors.torch import save

from mreg.integrations import safetensors as mreg_safetensors, torch as mreg_torch
from mreg.repository import Repository

FLOATS = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64"]
NAMES = [*FLOATS, "int64", "int32", "int16", "int8", "uint8", "bool"]
torch.manual_seed(1)
state = {name: (torch.rand(6, 4) * 50).to(getattr(torch, name)) for name in NAMES}
state["scalar"] = torch.tensor(2.5, dtype=torch.bfloat16)
state["empty"] = torch.zeros((0, 3), dtype=torch.bfloat16)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    bits = (tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other))
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(*bits)


with Repository.open(sys.argv[1]) as repo:
    repo.log({"model.safetensors": save(state)}, "net")
    loaded = mreg_torch.load("net", repo=repo)
    assert sorted(loaded) == sorted(state)
    with mreg_safetensors.open("net", repo=repo, framework="pt") as model:
        for name, tensor in state.items():
            assert same(loaded[name], tensor), name
            assert same(model.get_tensor(name), tensor), name
        for name in NAMES:
            assert same(model.get_slice(name)[1:5, :2], state[name][1:5, :2]), name
            assert same(model.get_slice(name)[-1], state[name][-1]), name
    loaded["float32"].zero_()
    assert same(mreg_torch.load("net", repo=repo)["float32"], state["float32"])
