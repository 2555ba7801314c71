"""What an accelerator stores for a backward pass: told from traced programs of a few lines."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from jaxcifar.planning import backward_memory

X, KERNEL = jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 4))
BYTES = X.size * 4


def conv(x):
    return lax.conv_general_dilated(
        x, KERNEL, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def bytes_stored(function, *kept):
    """Of a function that gives values by name, those in `kept`: which are stored."""
    names = list(jax.eval_shape(function, X))
    jaxpr = jax.make_jaxpr(function)(X).jaxpr
    held = backward_memory.stored(jaxpr, {jaxpr.outvars[names.index(name)] for name in kept})
    return {names[jaxpr.outvars.index(variable)] for variable in held}


def block(x):
    """A convolution, a normalisation, a ReLU and a convolution."""
    first = conv(x)
    moment = first.mean((0, 1, 2), keepdims=True)
    normal = first - moment
    positive = normal > 0
    second = jnp.where(positive, normal, 0)
    names = ("first", "moment", "normal", "positive", "second", "third")
    values = (first, moment, normal, positive, second, conv(second))
    return dict(sorted(zip(names, values, strict=True)))


@pytest.mark.parametrize(("kept", "held"), [
    (("first", "second"), {"first", "second"}),
    (("first", "normal", "positive"), {"first"}),
    (("first", "moment", "normal", "positive", "second"), {"first", "moment", "second"}),
    (("normal",), {"normal"}),
    (("normal", "positive"), {"normal"}),
])  # fmt: skip
def test_what_follows_from_stored_values_is_worked_out_anew(kept, held):
    """But what a convolution takes or gives is stored, and sums are made once."""
    assert bytes_stored(block, *kept) == held


def test_functions_within_count_as_what_they_do():
    """A convolution inside a jitted function is one; only element by element is worked out anew."""
    inner = lambda x: {"a": jax.jit(conv)(x), "b": jax.jit(jnp.tanh)(x)}  # noqa: E731
    assert bytes_stored(inner, "a", "b") == {"a"}


def test_many_paths_to_one_value_cost_no_time():
    def deep(x):
        first = conv(x)
        y = first
        for _ in range(60):
            y = y * y + y
        return {"first": first, "last": y}

    assert bytes_stored(deep, "first", "last") == {"first"}


def test_the_largest_product_is_found_in_loops_too():
    looped = lambda x: lax.fori_loop(0, 3, lambda _, y: conv(y), x) + 1  # noqa: E731
    assert backward_memory.largest_product(jax.make_jaxpr(looped)(X).jaxpr) == BYTES
    wide = lambda x: x @ jnp.ones((4, 40))  # noqa: E731
    assert backward_memory.largest_product(jax.make_jaxpr(wide)(X).jaxpr) == 10 * BYTES
    assert backward_memory.largest_product(jax.make_jaxpr(jnp.tanh)(X).jaxpr) == 0
