"""Update rules as optax chains; ``params -= lr * direction`` completes each of them.

Numbers (momenta, ...) may be traced scalars. `decay` is a link of the chain that adds weight decay,
see `decayed`: where it stands makes the decay coupled or decoupled.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

Tree = Any
Rule = Any  # optax.GradientTransformation
EPSILON = 1e-8  # of Adam, outside the root and after bias correction, as in PyTorch


def kernels(params: Tree) -> Tree:
    """Whether each leaf is a kernel, as its name says: a loop's stacked vectors have two axes."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "kernel" in jax.tree_util.keystr(path[-1:]), params
    )


# Which weights decay: all, or no bias, no scale of BatchNorm and no learned slope.
DECAYS: Mapping[str, Callable[[Tree], Tree] | None] = {"all": None, "kernels": kernels}


def decayed(weight_decay: Any, which: str = "all") -> Rule:
    """``g + weight_decay * w`` for the weights that `DECAYS` says; may be traced."""
    return optax.add_decayed_weights(weight_decay, DECAYS[which])


def sgd(decay: Rule, momentum: Any, *, nesterov: bool = False) -> Rule:
    """``g += decay * w; b = momentum * b + g`` and b, or ``g + momentum * b`` with Nesterov's."""
    # trace(0) is the identity, so plain SGD is the same program with another number.
    return optax.chain(decay, optax.trace(momentum, nesterov))


def sign_sgd(decay: Rule, momentum: Any) -> Rule:
    """Running average of the signs of ``g + decay * w``, without bias correction."""
    return optax.chain(
        decay,
        optax.scale_by_sign(),
        optax.ema(momentum, debias=False),
    )


def adam(decay: Rule, b1: Any, b2: Any) -> Rule:
    """Adam (arXiv:1412.6980) with coupled decay: ``g += decay * w`` comes first."""
    return optax.chain(decay, optax.scale_by_adam(b1, b2, eps=EPSILON))


def adamw(decay: Rule, b1: Any, b2: Any) -> Rule:
    """Adam with decoupled decay, ``w *= 1 - lr * decay`` (arXiv:1711.05101)."""
    return optax.chain(optax.scale_by_adam(b1, b2, eps=EPSILON), decay)


def lion(decay: Rule, b1: Any, b2: Any) -> Rule:
    """Sign of ``b1 * m + (1 - b1) * g``, then ``m = b2 * m + (1 - b2) * g`` (arXiv:2302.06675).

    The decay is decoupled.
    """
    return optax.chain(optax.scale_by_lion(b1, b2), decay)


def muon(decay: Rule, momentum: Any, b1: Any, b2: Any) -> Rule:
    """Nesterov momentum, orthogonalised, for kernels; Adam for all else; decoupled decay for all.

    PyTorch's Muon with ``match_rms_adamw`` (arXiv:2502.16982), so that one learning rate serves
    both halves; Newton-Schulz runs in the parameters' dtype, not in bfloat16.
    """

    def half(params: Tree) -> Tree:
        return jax.tree.map(lambda kernel: "matrix" if kernel else "other", kernels(params))

    matrix = optax.chain(optax.trace(momentum, nesterov=True), optax.stateless(_orthogonal))
    other = optax.scale_by_adam(b1, b2, eps=EPSILON)
    return optax.chain(
        optax.partition({"matrix": matrix, "other": other}, half),
        decay,
    )


def _orthogonal(updates: Tree, params: Tree | None) -> Tree:
    """Every leaf as an orthogonal matrix (fan_in, fan_out), times 0.2 sqrt(max of the two)."""
    del params
    axes = jax.tree.map(lambda leaf: _matrix_axes(leaf.ndim), updates)
    # Without momentum of its own its state is empty of meaning: made anew, it costs no memory.
    # The library adds epsilon to the norm, where PyTorch takes 1e-7 as the least norm.
    newton_schulz = optax.contrib.scale_by_muon(
        beta=0.0, eps=1e-12, nesterov=False, weight_dimension_numbers=axes
    )
    orthogonal, _ = newton_schulz.update(updates, newton_schulz.init(updates))

    def scaled(leaf: jax.Array) -> jax.Array:
        fan_in = math.prod(leaf.shape[i] for i in _matrix_axes(leaf.ndim).reduction_axis)
        return leaf * (0.2 * math.sqrt(max(fan_in, leaf.shape[-1])))

    return jax.tree.map(scaled, orthogonal)


def _matrix_axes(ndim: int) -> optax.contrib.MuonDimensionNumbers:
    """Kernels are (in, out) or (height, width, in, out); one more axis in front stacks layers."""
    first = 1 if ndim in (3, 5) else 0
    return optax.contrib.MuonDimensionNumbers(tuple(range(first, ndim - 1)), ndim - 1)


def schedule_free_sgd(decay: Rule, b1: Any) -> Rule:
    """Schedule-free SGD (arXiv:2405.15682); decay at the weights that are trained."""
    return _schedule_free(decay, b1)


def schedule_free_adamw(decay: Rule, b1: Any, b2: Any) -> Rule:
    """Schedule-free AdamW (arXiv:2405.15682)."""
    scale = optax.scale_by_rms(b2, eps=EPSILON, eps_in_sqrt=False, bias_correction=True)
    return _schedule_free(optax.chain(scale, decay), b1)


def _schedule_free(base: Rule, b1: Any) -> Rule:
    """The library's rule, whose averaging weighs by the rate, given the rate of each step.

    Its move is divided by the rate again; at rate 0 nothing moves.
    BatchNorm's running statistics stay those of the weights that are trained, not of the average.
    """

    def at_rate(rate: Any) -> Rule:
        return optax.contrib.schedule_free(optax.chain(base, optax.scale(-rate)), rate, b1)

    def update(
        grads: Tree, state: Tree, params: Tree, *, learning_rate: Any, **extra: Any
    ) -> tuple[Tree, Tree]:
        del extra
        moves, state = at_rate(learning_rate).update(grads, state, params)
        still = learning_rate == 0
        rate = jnp.where(still, 1, learning_rate)
        return jax.tree.map(lambda move: jnp.where(still, 0, -move / rate), moves), state

    return optax.GradientTransformationExtraArgs(at_rate(0.0).init, update)


@jax.jit
def schedule_free_average(state: Tree, params: Tree) -> Tree:
    """The average that is evaluated, of one member or of a population (leading axis)."""
    average = optax.contrib.schedule_free_eval_params
    return (jax.vmap(average) if state.b1.ndim else average)(state, params)


def sam(decay: Rule, momentum: Any, rho: Any) -> Rule:
    """SGD on the gradient at ``w + rho * g / |g|`` (arXiv:2010.01412), asked of ``grad_fn``."""
    ascent = optax.normalize_by_update_norm(-rho, eps=1e-12)  # the library subtracts its steps
    rule = optax.contrib.sam(sgd(decay, momentum), ascent, opaque_mode=True)

    def update(
        grads: Tree, state: Tree, params: Tree, *, grad_fn: Any, **extra: Any
    ) -> tuple[Tree, Tree]:
        del extra  # the library's rule refuses what it does not use
        return rule.update(grads, state, params, grad_fn=grad_fn)

    return optax.GradientTransformationExtraArgs(rule.init, update)
