"""What every network and block shares: how it computes, and how its layers follow from that."""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.core.errors import unknown
from jaxcifar.models import activations
from jaxcifar.models.layers import BatchNorm, Conv, Dense

Activation = Callable[[jax.Array], jax.Array]


class Network(nn.Module):
    """A network, or a block of one.

    Called with (N, 32, 32, 3) float images and `train`; gives (N, 10) float32 logits.

    Attributes:
        dtype: compute dtype; parameters, statistics and logits are float32 whatever it is, and
            everything is float64 where parameters are.
        lowering: see `jaxcifar.models.lowering.resolve`.
        members: how many population rows share the vmapped program; a key of the table.
        initialiser: of the kernels that are given no other (see `jaxcifar.models.initialisers`).
    """

    dtype: Any = jnp.float32
    lowering: str | None = None
    members: int = 1
    initialiser: str = "torch"

    @property
    def shared(self) -> dict[str, Any]:
        """The attributes above, for a block of this network."""
        names = ("dtype", "lowering", "members", "initialiser")
        return {name: getattr(self, name) for name in names}

    def conv(self, features: int, kernel: int = 3, **options: Any) -> Conv:
        """A convolution that computes as this network does; options as in `Conv`."""
        return Conv(features, kernel, **{**self.shared, **options})

    def dense(self, features: int, **options: Any) -> Dense:
        """A dense layer that computes as this network does; options as in `Dense`."""
        shared = {"dtype": self.dtype, "initialiser": self.initialiser}
        return Dense(features, **{**shared, **options})

    def head(self, classes: int, **options: Any) -> Dense:
        """The layer that gives the logits: dense, in float32 under any compute dtype."""
        return self.dense(classes, dtype=jnp.float32, **options)

    def activation_fn(self, kind: str) -> Activation:
        """The activation called `kind`, elementwise, in the dtype of its input.

        `leaky_relu` reads its slope from the network's `leaky_slope`, which may be traced; `prelu`
        learns one slope, from 0.25, for all uses in the network: parameter `prelu_slope`.

        Raises: UserError: `kind` is no name of `ACTIVATIONS`, nor "prelu".
        """
        if kind == "prelu":
            learned = self.param("prelu_slope", nn.initializers.constant(0.25), (), "float32")
            return lambda x: activations.leaky_relu(x, learned.astype(x.dtype))
        if kind == "leaky_relu":
            slope = jnp.asarray(self.traced("leaky_slope"))
            return lambda x: activations.leaky_relu(x, slope.astype(x.dtype))
        if kind not in activations.ACTIVATIONS:
            raise unknown("activation", kind, [*activations.ACTIVATIONS, "prelu"])
        return activations.ACTIVATIONS[kind]

    def traced(self, name: str) -> float | jax.Array:
        """The number called `name`: from the collection `hyper` if given, else the attribute."""
        return self.get_variable("hyper", name, getattr(self, name))


def conv_bn(
    block: Network, x: jax.Array, train: bool, features: int, kernel: int = 3, *,
    name: str, norm: str, act: Activation | None = None, **options: Any,
) -> jax.Array:  # fmt: skip
    """Convolution without bias called `name`, BatchNorm called `norm`, and an activation or none.

    Padding keeps the size of an odd kernel's image unless `options` says otherwise.
    """
    defaults = {"padding": kernel // 2, "use_bias": False}
    x = block.conv(features, kernel, name=name, **{**defaults, **options})(x)
    x = BatchNorm(name=norm)(x, train)
    return x if act is None else act(x)


STACKED = re.compile(r"^(stage\d+_rest|blocks)$")
"""Modules of loops: their arrays have a leading axis, one row for each block ``<name>_<row>``."""

UNROLLED = 5
"""Most blocks of one shape that are compiled one by one. Beyond, compiling costs more than the
copies that a loop makes of its activations (ResNet-56 on 2 cores: 26 s against 52 s to compile,
15 % slower steps)."""


STRAIGHT = 64
"""Most blocks of a loop that are laid out one after another off the CPU. There compiling them is
cheap (RN-16 for an H200: 7 s against 4 s), and a loop would copy what it keeps of every block: a
third of RN-16's memory traffic."""


def repeat(
    make: Callable[..., nn.Module], count: int, name: str, x: jax.Array, *rest: Any
) -> jax.Array:
    """`count` blocks of one shape, one after another.

    Up to `UNROLLED` they are modules ``name_0``, ``name_1``, ...; more run under one `nn.scan` as
    the module `name`, their variables stacked on a leading axis: on a CPU the compiler sees one
    block.

    Args:
        make: ``make(name=...)`` is a block that takes (x, *rest) and gives an array like x.
        count: 0 or more.
        name: of the module, or its prefix.
        x: input of the first block.
        rest: further arguments, the same for every block.
    """
    if count <= UNROLLED:
        for index in range(count):
            x = make(name=f"{name}_{index}")(x, *rest)
        return x
    scan = nn.scan(
        lambda block, x: (block(x, *rest), None),
        variable_axes={"params": 0, "batch_stats": 0, "intermediates": 0},
        split_rngs={"params": True, "dropout": True},
        length=count,
        unroll=_at_once(count),
    )
    return scan(make(name=name), x)[0]


def _at_once(count: int) -> int:
    """Blocks in one turn of a loop over `count` of them."""
    return count if jax.default_backend() != "cpu" and count <= STRAIGHT else 1
