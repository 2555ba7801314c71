"""What a training step is made of: network, optimizer, loss, records."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxcifar import augment, losses, models, optim
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.shards import WHOLE, Part
from jaxcifar.core.types import Numbers, Program, Tree
from jaxcifar.models.counting import IMAGE_SHAPE


class Parts(NamedTuple):
    """A program's names made into functions."""

    model: Any
    optimizer: str
    accumulation: str
    decay: str
    loss: Callable[..., jax.Array]
    average: str
    augment: augment.Work
    normalise: Callable[[jax.Array], jax.Array]
    record: tuple[str, ...]
    first_kernel: tuple[str, ...]
    last_kernel: tuple[str, ...]
    param_dtype: str
    part: Part = WHOLE  # of a batch, that a device takes
    synchronised: bool = True  # BatchNorm by the statistics of all parts


def bind(program: Program) -> Parts:
    """Look up what a program names."""
    spec = models.MODELS[program.model]
    model = models.make_model(
        program.model,
        dtype=program.dtype,
        lowering=program.lowering,
        members=program.members if program.lane == "vmap" else 1,
        **dict(program.options),
    )
    return Parts(
        model=model,
        optimizer=program.optimizer,
        accumulation=program.accumulation,
        decay=program.decay,
        loss=losses.make_loss(program.loss),
        average=program.average,
        augment=program.augment,
        normalise=partial(
            augment.normalise, mean=program.mean, std=program.std, dtype=program.dtype
        ),
        record=program.record,
        first_kernel=spec.first_kernel,
        last_kernel=spec.last_kernel,
        param_dtype=param_dtype(program.dtype),
    )


def bind_split(program: Program, batch: int | None = None) -> Parts:
    """`bind`, for programs that split their batches (None = those that train) along the mesh."""
    size, devices = program.batch if batch is None else batch, program.data
    part = Part(devices, devices if size % devices == 0 else 1)
    return bind(program)._replace(part=part, synchronised=program.batch_norm == "synchronised")


def param_dtype(dtype: str) -> str:
    """The type of parameters, statistics and losses where `dtype` is that of the computation."""
    return "float64" if dtype == "float64" else "float32"


def init_weights(init_seed: jax.Array, *, model: Any, param_dtype: str) -> dict[str, Tree]:
    """A member's first weights {"params", "batch_stats"}; they depend on `init_seed` alone."""
    images = jnp.zeros((1, *IMAGE_SHAPE), param_dtype)
    variables = model.init(key_at(init_seed, Purpose.INIT, 0), images, train=False)
    found = {"params": variables["params"], "batch_stats": variables.get("batch_stats", {})}
    return jax.tree.map(lambda leaf: leaf.astype(param_dtype), found)


def init_opt_state(params: Tree, numbers: Numbers, *, parts: Parts) -> Tree:
    """A fresh optimizer state, as every phase begins with."""
    return _optimizer(numbers, parts).init(params)


def _optimizer(numbers: Numbers, parts: Parts) -> Any:
    rule = optim.make_optimizer(parts.optimizer, decay=parts.decay, **numbers.optim)
    return optim.ACCUMULATIONS[parts.accumulation](rule, numbers.clip)


def record_dtypes(parts: Parts) -> dict[str, str]:
    """Names and dtypes of what `train_step` records."""
    correct = "float32" if augment.mixes(parts.augment) else "int32"  # shares of mixed labels
    fields = {"loss": parts.param_dtype, "correct": correct}
    if "last_layer_grad" in parts.record:
        fields |= dict.fromkeys(("last_layer_grad_min", "last_layer_grad_max"), parts.param_dtype)
    if "first_conv_grad_norm" in parts.record:
        fields["first_conv_grad_norm"] = parts.param_dtype
    return fields
