"""The networks: one table, one constructor, and what can be counted without computing.

>>> model = make_model("vgg_a", norm="batch")
>>> variables = model.init(jax.random.key(0), images, train=False)
>>> logits = model.apply(variables, images, train=False)
"""

from jaxcifar.models.counting import Counts, count, count_parameters, macs, shapes
from jaxcifar.models.factory import make_model
from jaxcifar.models.layers import MOMENTUM
from jaxcifar.models.network import STACKED
from jaxcifar.models.outputs import attention, kernels, layers, outputs, unit_kernels
from jaxcifar.models.registry import MODELS
from jaxcifar.models.spec import ModelSpec

__all__ = [
    "MODELS",
    "MOMENTUM",
    "STACKED",
    "Counts",
    "ModelSpec",
    "attention",
    "count",
    "count_parameters",
    "kernels",
    "layers",
    "macs",
    "make_model",
    "outputs",
    "shapes",
    "unit_kernels",
]
