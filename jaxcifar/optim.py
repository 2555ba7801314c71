"""Optimizers as optax chains that end before the learning rate, and gradient clipping."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxcifar.errors import UserError, unknown
from jaxcifar.schedules import make_schedule as make_schedule  # both halves of an update rule

Tree = Any
EPSILON = 1e-8  # of Adam, outside the root and after bias correction, as in PyTorch


def _params_are_evaluated(opt_state: Tree, params: Tree) -> Tree:
    del opt_state
    return params


class OptimizerRow(NamedTuple):
    """How an optimizer is built and what it may be told.

    `options` are the numbers with their defaults; each may be a traced scalar. `eval_params`
    gives the parameters to evaluate from (opt_state, params).
    """

    build: Callable[..., optax.GradientTransformation]
    options: Mapping[str, float]
    eval_params: Callable[[Tree, Tree], Tree] = _params_are_evaluated


def _sgd(weight_decay: Any, momentum: Any) -> optax.GradientTransformation:
    # trace(0) is the identity, so plain SGD is the same program with another number.
    return optax.chain(optax.add_decayed_weights(weight_decay), optax.trace(momentum))


def _sign_sgd(weight_decay: Any, momentum: Any) -> optax.GradientTransformation:
    return optax.chain(
        optax.add_decayed_weights(weight_decay),
        optax.scale_by_sign(),
        optax.ema(momentum, debias=False),
    )


def _adam(weight_decay: Any, b1: Any, b2: Any) -> optax.GradientTransformation:
    return optax.chain(
        optax.add_decayed_weights(weight_decay), optax.scale_by_adam(b1, b2, eps=EPSILON)
    )


def _adamw(weight_decay: Any, b1: Any, b2: Any) -> optax.GradientTransformation:
    return optax.chain(
        optax.scale_by_adam(b1, b2, eps=EPSILON), optax.add_decayed_weights(weight_decay)
    )


# To add one: a chain that ends before the learning rate, and a row here.
_BETAS = {"b1": 0.9, "b2": 0.999}
OPTIMIZERS: Mapping[str, OptimizerRow] = {
    "sgd": OptimizerRow(_sgd, {"weight_decay": 0.0, "momentum": 0.0}),
    "sign_sgd": OptimizerRow(_sign_sgd, {"weight_decay": 0.0, "momentum": 0.9}),
    "adam": OptimizerRow(_adam, {"weight_decay": 0.0} | _BETAS),
    "adamw": OptimizerRow(_adamw, {"weight_decay": 0.01} | _BETAS),
}


def make_optimizer(name: str, **numbers: Any) -> optax.GradientTransformationExtraArgs:
    """The chain from (clipped) gradients to the direction before the learning rate.

    ``params -= lr * direction`` (`apply_direction`) completes the step. Update rules are
    PyTorch's: sgd and adam couple the decay (``g + weight_decay * w``), adamw decouples it
    (``w *= 1 - lr * weight_decay``); sign_sgd couples it too and averages the signs without bias
    correction. Clipping comes before all of this: the caller applies `clip_by_global_norm`.

    Numbers may be traced scalars: call this where they are in scope, inside jit and vmap. Its
    `update` takes extra arguments (``value=``, ``grad_fn=``), which these chains ignore.

    Args:
        name: a row of `OPTIMIZERS`.
        **numbers: options of that row; what is not given has the row's default.

    Raises:
        UserError: unknown name or option.
    """
    row = _row(name)
    for option in numbers:
        if option not in row.options:
            raise UserError(
                f"optimizer {name!r} has no option {option!r}\n"
                f"it takes: {', '.join(sorted(row.options))}"
            )
    return optax.with_extra_args_support(row.build(**{**row.options, **numbers}))


def eval_params(name: str, opt_state: Tree, params: Tree) -> Tree:
    """The parameters to evaluate: `params` itself, unless the optimizer keeps an average.

    Raises:
        UserError: unknown name.
    """
    return _row(name).eval_params(opt_state, params)


def apply_direction(params: Tree, direction: Tree, lr: Any) -> Tree:
    """``params - lr * direction``, leaf by leaf in the parameters' dtype; lr may be traced."""
    return jax.tree.map(lambda w, d: (w - lr * d).astype(w.dtype), params, direction)


def clip_by_global_norm(grads: Tree, max_norm: Any) -> Tree:
    """Scale all gradients by ``min(1, max_norm / (norm + 1e-6))``, as PyTorch does.

    optax.clip_by_global_norm has no 1e-6. An infinite `max_norm` gives the gradients back bit for
    bit, also where their norm overflows or is NaN.

    Args:
        grads: any tree of arrays; norm is the L2 norm over all of them.
        max_norm: positive scalar, may be traced.
    """
    coefficient = jnp.minimum(1.0, max_norm / (optax.tree.norm(grads) + 1e-6))
    coefficient = jnp.where(jnp.isinf(max_norm), 1.0, coefficient)
    return jax.tree.map(lambda g: g * coefficient.astype(g.dtype), grads)


def _row(name: str) -> OptimizerRow:
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]
