"""Every lowering is the same convolution: against a float64 sum over windows, in NumPy."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar.core.errors import UserError
from jaxcifar.models.convolution import (
    LOWERINGS,
    Case,
    Geometry,
    conv2d,
    portions,
    resolve,
    supports,
)
from jaxcifar.models.convolution.choice import MIXED
from jaxcifar.models.convolution.convolve import _lowered

TOLERANCE = 1e-5
"""Relative to the norm of each leaf; the promise is 1e-4."""

# kernel, stride, padding, groups, cin, cout, size
CASES = [
    (3, 1, 1, 1, 5, 7, 8),
    (3, 1, 1, 1, 5, 7, 2),
    (3, 1, 1, 1, 5, 7, 4),
    (3, 1, 1, 1, 5, 7, 5),
    (3, 2, 1, 1, 5, 7, 8),
    (3, 2, 1, 1, 5, 7, 5),
    (1, 2, 0, 1, 5, 7, 5),
    (2, 2, 0, 1, 4, 6, 8),
    (3, 1, 1, 1, 7, 5, 9),
    (5, 1, 0, 1, 3, 4, 9),
    (5, 1, 2, 1, 4, 3, 6),
    (7, 1, 3, 1, 2, 1, 6),
    (3, 2, 1, 6, 6, 6, 7),
    (3, 2, 1, 6, 6, 6, 8),
    (3, 1, 1, 6, 6, 6, 5),
]
NAMES = [*LOWERINGS, MIXED, "strips/winograd/patches"]
EVERY = [(case, name) for case in CASES for name in NAMES if name != "shifts" or case[0] < 5]
"""The forty-nine products of a 7x7 kernel by shifts compile for seconds and no rule picks them."""

SPLIT = ["patches", "strips", "winograd", "cook_toom", MIXED, "products"]


def fits(case, name):
    k, stride, padding, groups, cin, cout, _ = case
    return supports(name, (k, k, cin // groups, cout), Geometry(stride, padding, groups))


def split_to_fit(pairs):
    return [(case, name) for case, name in pairs if fits(case, name)]


def arrays(case, seed=0, lead=()):
    k, stride, padding, groups, cin, cout, size = case
    rng = np.random.default_rng(seed)
    out = (size + 2 * padding - k) // stride + 1
    draw = lambda *shape: rng.standard_normal((*lead, *shape))  # noqa: E731
    return draw(2, size, size, cin), draw(k, k, cin // groups, cout), draw(2, out, out, cout)


def reference(x, kernel, grad, case):
    """Output and both gradients, tap by tap in float64: the definition."""
    k, stride, padding, groups = case[:4]
    n, h, w, cin = x.shape
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    per_in, per_out = cin // groups, kernel.shape[3] // groups
    y, dx, dk = np.zeros_like(grad), np.zeros_like(padded), np.zeros_like(kernel)
    span = (grad.shape[1] - 1) * stride + 1
    for i, j, g in np.ndindex(k, k, groups):
        window = np.s_[:, i : i + span : stride, j : j + span : stride]
        ins, outs = slice(g * per_in, (g + 1) * per_in), slice(g * per_out, (g + 1) * per_out)
        part, weight = padded[window][..., ins], kernel[i, j, :, outs]
        y[..., outs] += part @ weight
        dx[window][..., ins] += grad[..., outs] @ weight.T
        dk[i, j, :, outs] += np.einsum("nhwi,nhwo->io", part, grad[..., outs])
    return y, dx[:, padding : padding + h, padding : padding + w], dk


def ours(x, kernel, grad, case, name):
    _, stride, padding, groups = case[:4]
    conv = functools.partial(conv2d, stride=stride, padding=padding, groups=groups, lowering=name)
    y, pull = jax.vjp(conv, x, kernel)
    return (y, *pull(grad))


def compiled(case, name):
    return jax.jit(functools.partial(ours, case=case, name=name))


def assert_close(found, wanted, tolerance=TOLERANCE):
    for label, a, b in zip(
        ("output", "input gradient", "kernel gradient"), found, wanted, strict=True
    ):
        error = np.linalg.norm(np.asarray(a, np.float64) - b) / np.linalg.norm(b)
        assert error < tolerance, f"{label}: relative error {error:.1e}"


@pytest.mark.parametrize(("case", "name"), split_to_fit(EVERY))
def test_lowering_is_the_convolution(case, name):
    x, kernel, grad = arrays(case)
    found = compiled(case, name)(*(jnp.asarray(a, jnp.float32) for a in (x, kernel, grad)))
    assert_close(found, reference(x, kernel, grad, case))


@pytest.fixture
def split(monkeypatch):
    """Portions of so many pixels, in convolutions that are traced anew."""
    yield lambda pixels: (
        monkeypatch.setattr(portions, "PIXELS", pixels),
        _lowered.cache_clear(),
    )
    _lowered.cache_clear()


@pytest.mark.parametrize(
    ("case", "name"), split_to_fit(itertools.product([*CASES[2:5], CASES[-1]], SPLIT))
)
def test_a_batch_in_portions_is_the_same_convolution(case, name, split):
    x, kernel, grad = arrays(case)
    split(x[0, :, :, 0].size)  # one image at a time
    inputs = [jnp.asarray(a, jnp.float32) for a in (x, kernel, grad)]
    program = jax.jit(functools.partial(ours, case=case, name=name))
    assert "length=2" in str(jax.make_jaxpr(program)(*inputs))
    assert_close(program(*inputs), reference(x, kernel, grad, case))


@pytest.mark.parametrize("name", ["patches", "winograd", MIXED])
def test_off_the_cpu_members_lie_side_by_side(name, split, monkeypatch):
    """As batches of whole products, no loop over members or portions; the same numbers."""
    case = CASES[2]
    arrays_of = [jnp.asarray(a, jnp.float32) for a in arrays(case, lead=(2,))]
    program = lambda: jax.vmap(functools.partial(ours, case=case, name=name))  # noqa: E731
    split(16)
    assert "scan" in str(jax.make_jaxpr(program())(*arrays_of))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert "scan" not in str(jax.make_jaxpr(program())(*arrays_of))
    found = jax.jit(program())(*arrays_of)
    for member, given in enumerate(zip(*arrays(case, lead=(2,)), strict=True)):
        assert_close([leaf[member] for leaf in found], reference(*given, case))


def test_portions_are_as_large_as_allowed_or_the_batch(monkeypatch):
    monkeypatch.setattr(portions, "PIXELS", 8192)
    count = lambda n, size: portions._portions((n, size, size, 1))  # noqa: E731
    assert [count(n, 32) for n in (128, 100, 8, 3, 127)] == [16, 20, 1, 1, 1]
    assert [count(128, size) for size in (16, 8, 4)] == [4, 1, 1]


DEEP = {3: (3, 1, 1, 1, 256, 32, 8), 5: (5, 1, 0, 1, 100, 32, 14)}


@pytest.mark.parametrize(
    ("k", "name"), [(3, "patches"), (3, "winograd"), (3, "cook_toom"), (5, "cook_toom")]
)
def test_accuracy_at_a_real_depth(k, name):
    """As deep a sum as VGG-A or the seven-layer ConvNet has."""
    case = DEEP[k]
    x, kernel, grad = arrays(case)
    found = compiled(case, name)(*(jnp.asarray(a, jnp.float32) for a in (x, kernel, grad)))
    assert_close(found, reference(x, kernel, grad, case), 2e-6)


@pytest.mark.parametrize("name", ["patches", "winograd", "cook_toom", MIXED])
@pytest.mark.parametrize("shared", [False, True])
def test_members_in_a_loop(name, shared):
    """Four vmapped members inside a loop, with their own images or all with the same."""
    case = (3, 1, 1, 1, 5, 7, 4)
    x, kernel, grad = arrays(case, lead=(4,))
    if shared:
        x = np.broadcast_to(x[:1], x.shape)
    one = functools.partial(ours, case=case, name=name)
    lanes = jax.vmap(one, in_axes=(None if shared else 0, 0, 0))

    @jax.jit
    def program(steps, x, kernel, grad):
        start = jax.tree.map(jnp.zeros_like, jax.eval_shape(lanes, x, kernel, grad))
        body = lambda _, total: jax.tree.map(jnp.add, total, lanes(x, kernel, grad))  # noqa: E731
        return jax.lax.fori_loop(0, steps, body, start)

    inputs = [jnp.asarray(a, jnp.float32) for a in (x[0] if shared else x, kernel, grad)]
    found = program(3, *inputs)
    for member in range(4):
        wanted = reference(x[member], kernel[member], grad[member], case)
        assert_close([leaf[member] for leaf in found], [3 * leaf for leaf in wanted])


@pytest.mark.parametrize(("case", "name"), split_to_fit([(CASES[2], n) for n in LOWERINGS]))
def test_bfloat16_accumulates_in_float32(case, name, split):
    """Inputs exact in bfloat16: the result is the exact sum rounded once (2^-8), not drifted."""
    split(16)  # one image at a time
    x, kernel, grad = (np.asarray(jnp.asarray(a, jnp.bfloat16), np.float64) for a in arrays(case))
    found = compiled(case, name)(*(jnp.asarray(a, jnp.bfloat16) for a in (x, kernel, grad)))
    assert all(leaf.dtype == jnp.bfloat16 for leaf in found)
    assert_close(found, reference(x, kernel, grad, case), 2**-7)


@pytest.mark.parametrize("name", ["patches", "shifts", "strips", "winograd", "cook_toom"])
def test_products_of_bfloat16_leave_in_float32(name):
    """Sums of products may not be rounded to bfloat16 before all terms are in."""
    x, kernel, _ = (jnp.asarray(a, jnp.bfloat16) for a in arrays(CASES[2]))
    convolve = functools.partial(conv2d, padding=1, lowering=name)
    lines = str(jax.make_jaxpr(convolve)(x, kernel)).splitlines()
    dots = [line for line in lines if "= dot_general" in line]
    assert dots and all(":f32[" in line.split("=")[0] for line in dots)


@pytest.mark.parametrize("name", ["winograd", "cook_toom"])
def test_second_derivative(name):
    """Hessian-vector products, forward over reverse and vmapped, agree with the library's."""
    x, kernel, _ = (jnp.asarray(a, jnp.float32) for a in arrays(CASES[0]))

    def hvp(name):
        loss = lambda k: jnp.sum(jnp.sin(conv2d(x, k, padding=1, lowering=name)))  # noqa: E731
        product = lambda v: jax.jvp(jax.grad(loss), (kernel,), (v,))[1]  # noqa: E731
        return jax.jit(jax.vmap(product))(jnp.stack([jnp.ones_like(kernel), kernel]))

    np.testing.assert_allclose(hvp(name), hvp("library"), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", [name for name in LOWERINGS if name not in ("library", "wider")])
def test_no_library_convolution_in_forward_or_backward(name):
    case = next(c for c, n in split_to_fit(EVERY) if n == name)
    text = str(jax.make_jaxpr(functools.partial(ours, case=case, name=name))(*arrays(case)))
    assert "conv_general_dilated" not in text


def test_refusals():
    x, kernel = jnp.zeros((1, 4, 4, 2)), jnp.zeros((3, 3, 2, 2))
    with pytest.raises(UserError, match="unknown lowering 'winogard'; did you mean 'winograd'"):
        conv2d(x, kernel, lowering="winogard")
    with pytest.raises(ValueError, match="'matmul' does not cover"):
        conv2d(x, kernel, lowering="matmul")
    with pytest.raises(UserError, match="unknown lowering 'strip'; did you mean 'strips'"):
        conv2d(x, kernel, lowering="library/library/strip")
    with pytest.raises(ValueError, match="'strips/strips/matmul' does not cover"):
        conv2d(x, kernel, lowering="strips/strips/matmul")
    with pytest.raises(UserError, match="unknown lowering 'cudnn'"):
        resolve(Case((3, 3), 1, 1, 1, 64, 64, 8), "cudnn")
