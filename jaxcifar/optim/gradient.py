"""What an optimizer is fed: gradients clipped, cleared between steps or carried on."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Tree = Any
Rule = Any  # optax.GradientTransformationExtraArgs


class Carried(NamedTuple):
    """Optimizer state under `carried`: what was fed at the last step, and the rule's own state."""

    gradient: Tree
    rule: Tree


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


def clipped(rule: Rule, max_norm: Any) -> Rule:
    """`rule` on clipped gradients, also those that it asks for itself. The state is the rule's."""

    def update(
        grads: Tree, state: Tree, params: Tree, *,
        grad_fn: Callable[..., Tree] | None = None, **extra: Any,
    ) -> tuple[Tree, Tree]:  # fmt: skip
        def clipped_fn(*args: Any) -> Tree:
            if grad_fn is None:
                raise TypeError("this rule needs grad_fn")
            return clip_by_global_norm(grad_fn(*args), max_norm)

        grads = clip_by_global_norm(grads, max_norm)
        return rule.update(grads, state, params, grad_fn=clipped_fn, **extra)

    return optax.GradientTransformationExtraArgs(rule.init, update)


def carried(rule: Rule, max_norm: Any) -> Rule:
    """`rule` on gradients that nobody clears: ``G = clip(G_before + grad)``, the rule steps on G.

    What PyTorch does where ``zero_grad`` is forgotten and gradients are clipped in place. The
    decay that a rule adds itself is not part of G.
    """

    def init(params: Tree) -> Carried:
        return Carried(optax.tree.zeros_like(params), rule.init(params))

    def update(grads: Tree, state: Carried, params: Tree, **extra: Any) -> tuple[Tree, Carried]:
        fed = clip_by_global_norm(optax.tree.add(state.gradient, grads), max_norm)
        direction, rule_state = rule.update(fed, state.rule, params, **extra)
        return direction, Carried(fed, rule_state)

    return optax.GradientTransformationExtraArgs(init, update)


# How gradients of successive steps meet: (rule, max_norm) -> rule.
ACCUMULATIONS: Mapping[str, Callable[[Rule, Any], Rule]] = {"reset": clipped, "carry": carried}
