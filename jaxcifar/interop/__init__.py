"""Weights to and from PyTorch, as NumPy arrays and safetensors files; never a pickle.

>>> arrays = to_torch("vgg_a", variables, norm="batch")
>>> variables = from_torch("vgg_a", arrays, norm="batch")
"""

from jaxcifar.interop.convert import from_torch, to_torch
from jaxcifar.interop.files import load_safetensors, save_safetensors

__all__ = ["from_torch", "load_safetensors", "save_safetensors", "to_torch"]
