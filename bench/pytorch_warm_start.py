"""Writes vectors/train/pytorch-digits.safetensors: the digits model of `logistic-regression` as
PyTorch makes and saves it.

    python bench/warm_start.py     # torch, safetensors
"""

import pathlib

import torch
from safetensors.torch import save_file

torch.manual_seed(7)
model = torch.nn.Sequential()
model.add_module("linear", torch.nn.Linear(64, 10))
vectors = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "train"
save_file(model.state_dict(), vectors / "pytorch-digits.safetensors")
