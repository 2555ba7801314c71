"""Per-example losses in nats, and the table that names them."""

from typing import Any

import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, labels: jax.Array, *, smoothing: Any) -> jax.Array:
    """Cross entropy against the label mixed with the uniform distribution (arXiv:1512.00567).

    ``(1 - smoothing) * ce + smoothing * mean_k(-logp_k)``; the uniform part includes the true
    class, as in PyTorch. Smoothing 0 is plain cross entropy, bit for bit.

    Args:
        logits: (N, K) floating.
        labels: (N,) integers in 0..K-1.
        smoothing: in [0, 1]; may be traced.

    Returns:
        (N,) nats, float32 (float64 for float64 logits).
    """
    log_p = _log_softmax(logits)
    return (1 - smoothing) * _pick(log_p, labels) + smoothing * -jnp.mean(log_p, axis=1)


def focal(logits: jax.Array, labels: jax.Array, *, alpha: Any, gamma: Any) -> jax.Array:
    """Focal loss ``alpha * (1 - p)^gamma * ce`` with p the true class's probability.

    After arXiv:1708.02002, `alpha` being one factor for all classes.

    Args:
        logits: (N, K) floating.
        labels: (N,) integers in 0..K-1.
        alpha, gamma: 0 or more; may be traced.

    Returns:
        (N,) nats times alpha, float32 (float64 for float64 logits).
    """
    ce = _pick(_log_softmax(logits), labels)
    miss = -jnp.expm1(-ce)
    # At p = 1 the loss is 0 whatever the power, and 0^gamma has no gradient where gamma < 1.
    return alpha * jnp.where(miss > 0, miss, 1) ** gamma * ce


def mse(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Squared distance of raw logits to the one-hot label, averaged over the classes.

    Args:
        logits: (N, K) floating.
        labels: (N,) integers in 0..K-1.

    Returns:
        (N,) float32 (float64 for float64 logits), no unit.
    """
    logits = _at_least_float32(logits)
    return jnp.mean((logits - jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)) ** 2, 1)


def l1_norm(params: Any) -> jax.Array:
    """Sum of the absolute values of all parameters, biases and normalisation included.

    Training adds a multiple of it to the mean loss; scores do not. Its gradient is sign(p), which
    is 0 at 0 (`jnp.abs` has gradient 1 there, and most biases start at 0).
    """
    return sum((jnp.sum(jnp.sign(p) * p) for p in jax.tree.leaves(params)), jnp.zeros(()))


def _at_least_float32(logits: jax.Array) -> jax.Array:
    return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))


def _log_softmax(logits: jax.Array) -> jax.Array:
    return jax.nn.log_softmax(_at_least_float32(logits), axis=1)


def _pick(log_p: jax.Array, labels: jax.Array) -> jax.Array:
    """Minus the true class's entry, by mask: its gradient is a select, not a scatter."""
    chosen = labels[:, None] == jnp.arange(log_p.shape[1])[None]
    return -jnp.sum(jnp.where(chosen, log_p, 0), axis=1)
