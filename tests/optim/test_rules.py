"""What single rules promise beyond their recorded trajectories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import optim


def direction_of(name, params, grads, **numbers):
    rule = optim.make_optimizer(name, **numbers)

    def direction(params, grads):
        extra = {"value": 0.0, "learning_rate": 0.1, "grad_fn": lambda *_: grads}
        return rule.update(grads, rule.init(params), params, **extra)[0]

    return jax.tree.map(np.asarray, jax.jit(direction)(params, grads))


def normal(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def test_muon_orthogonalises_kernels_as_matrices_and_leaves_the_rest_to_adam():
    """A convolution is the matrix from its patch to its channels; stacked layers go singly."""
    shapes = {
        "conv": (3, 3, 2, 5),
        "dense": (18, 5),
        "convs": (2, 3, 3, 2, 5),
        "denses": (2, 18, 5),
    }
    grads = {name: {"kernel": normal(shape, len(shape) < 4)} for name, shape in shapes.items()}
    grads["dense"]["kernel"] = grads["conv"]["kernel"].reshape(18, 5)
    grads["convs"]["kernel"] = grads["denses"]["kernel"].reshape(shapes["convs"])
    grads["denses"]["kernel"] = grads["denses"]["kernel"].at[1].set(grads["dense"]["kernel"])
    grads["bn"] = {"scale": normal((2, 3)), "bias": normal((3,))}
    params = jax.tree.map(jnp.ones_like, grads)
    ours = direction_of("muon", params, grads, weight_decay=0.3)
    adamw = direction_of("adamw", params, grads, weight_decay=0.3)
    jax.tree.map(np.testing.assert_array_equal, ours["bn"], adamw["bn"])
    matrix = {name: ours[name]["kernel"] - 0.3 for name in shapes}
    np.testing.assert_allclose(matrix["conv"].reshape(18, 5), matrix["dense"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(matrix["denses"][1], matrix["dense"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        matrix["convs"][0].reshape(18, 5), matrix["denses"][0], rtol=1e-4, atol=1e-6
    )
    singular = np.linalg.svd(matrix["dense"], compute_uv=False) / (0.2 * np.sqrt(18))
    assert 0.6 < singular.min() < singular.max() < 1.3
    size = np.sqrt(np.mean(np.square(matrix["dense"])))
    assert 0.1 < size < 0.3, "a step of about Adam's size, for one learning rate"


@pytest.mark.parametrize("name", ["schedule_free_sgd", "schedule_free_adamw"])
def test_schedule_free_stands_still_at_rate_zero(name):
    """At the start of a warm-up from 0, and at the end of a schedule."""
    params = {"bias": normal((5,))}
    rule = optim.make_optimizer(name)
    update = jax.jit(lambda s, p, lr: rule.update(p, s, p, learning_rate=lr))
    state, moved = rule.init(params), []
    for lr in (0.0, 0.1, 0.1, 0.0):
        direction, state = update(state, params, lr)
        after = optim.apply_direction(params, direction, lr)
        moved.append(float(np.abs(after["bias"] - params["bias"]).max()))
        params = after
    assert moved[0] == moved[3] == 0 < min(moved[1:3])
    assert np.isfinite(optim.eval_params(name, state, params)["bias"]).all()
