"""XLA's own convolution on accelerators: members' kernel gradients as one grouped convolution."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_convolution import CASES, arrays, assert_close, ours, reference

from jaxcifar.models.convolution import LOWERINGS, Geometry, grouped

AXES = [(0, 0), (0, None), (None, 0)]
"""Of images and kernels: each member its own, or one for all."""


def single(case):
    return functools.partial(ours, case=case, name="library")


def mapped(function, axes):
    return jax.vmap(function, in_axes=(*axes, 0))


def population(case, axes):
    """Three members' images, kernels and gradients; what is shared is the first's."""
    drawn = [jnp.asarray(a, jnp.float32) for a in arrays(case, lead=(3,))]
    given = [a if axis == 0 else a[0] for a, axis in zip(drawn, (*axes, 0), strict=True)]
    rows = [
        [a[member] if axis == 0 else a for a, axis in zip(given, (*axes, 0), strict=True)]
        for member in range(3)
    ]
    return given, rows


@pytest.fixture
def accelerator(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


@pytest.mark.parametrize(("case", "axes"), [*itertools.product(CASES, AXES)])
def test_every_member_has_its_own_gradients(case, axes, accelerator):
    given, rows = population(case, axes)
    found = jax.jit(mapped(single(case), axes))(*given)
    for member, row in enumerate(rows):
        assert_close([leaf[member] for leaf in found], reference(*row, case))


def test_members_are_groups_of_one_convolution(accelerator):
    """Not so on a CPU, where XLA is slow at it, nor where only one of both has members."""
    case = (3, 1, 1, 1, 5, 7, 16)
    grouped_calls = lambda axes: str(  # noqa: E731
        jax.make_jaxpr(mapped(single(case), axes))(*population(case, axes)[0])
    ).count("batch_group_count=3")
    assert [grouped_calls(axes) for axes in AXES] == [1, 1, 0]


def test_on_a_cpu_nothing_is_grouped():
    case = (3, 1, 1, 1, 5, 7, 16)
    given, _ = population(case, (0, 0))
    assert "batch_group_count=3" not in str(jax.make_jaxpr(mapped(single(case), (0, 0)))(*given))


@pytest.mark.parametrize("axes", [*AXES, (None, None)])
def test_products_with_the_hessian_pass_through(axes):
    """As the landscape takes them: forward through the gradient, of several members or ways."""
    given, _ = population(CASES[4], axes)
    ways = jnp.arange(1.0, 4.0)

    def product(conv, x, kernel, way):
        loss = lambda x, kernel: jnp.sin(conv(x, kernel)).sum()  # noqa: E731
        along = [a if axis is None and axes != (None, None) else way * a
                 for a, axis in zip((x, kernel), axes, strict=True)]  # fmt: skip
        return jax.jvp(jax.grad(loss, (0, 1)), (x, kernel), tuple(along))[1]

    geometry = Geometry(2, 1, 1)
    plain = functools.partial(LOWERINGS["library"], geometry=geometry)
    found, wanted = (
        mapped(functools.partial(product, conv), axes)(*given[:2], ways)
        for conv in (grouped.conv(geometry), plain)
    )
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_bfloat16_stays_bfloat16(accelerator):
    given = [a.astype(jnp.bfloat16) for a in population(CASES[4], (0, 0))[0]]
    found = mapped(single(CASES[4]), (0, 0))(*given)
    assert {leaf.dtype for leaf in found} == {jnp.dtype("bfloat16")}
