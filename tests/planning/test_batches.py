"""A batch of one image on a map of one pixel: BatchNorm has no statistics of it, and says so."""

import jax
import jax.numpy as jnp
import pytest
import tiny

from jaxcifar.config import Config, Stage, replace
from jaxcifar.core.errors import UserError
from jaxcifar.core.hardware import Hardware
from jaxcifar.models.layers import BatchNorm
from jaxcifar.planning import plan

SHUFFLE = {"model.name": "shufflenet_v2_x0_5"}


def make_plan(overrides, n_train):
    base = replace(Config(), {"data.name": "synthetic", "train.batch_size": 16} | overrides)
    return plan.make_plan(tiny.members(base=base), n_train, Hardware("cpu", "cpu", 1, 2))


@pytest.mark.parametrize("overrides, n_train, remedy", [
    (SHUFFLE, 33, "train.batch_size=15"),  # 33 = 2 * 16 + 1
    (SHUFFLE | {"train.batch_size": 1}, 32, "train.batch_size=2"),
    (SHUFFLE | {"train.batch_size": 2}, 3, "train.batch_size=3"),
    (SHUFFLE, 1, "more images"),
    (SHUFFLE | {"train.epochs": 2, "stages": (Stage(0.5, {"train.batch_size": 31}),)}, 32,
     "train.batch_size=30"),
])  # fmt: skip
def test_single_values_are_refused_with_a_remedy(overrides, n_train, remedy):
    with pytest.raises(UserError) as error:
        make_plan(overrides, n_train)
    said = str(error.value)
    assert f"leaves a batch of one of the {n_train} images" in said and remedy in said
    assert len(said.splitlines()) <= 3


@pytest.mark.parametrize("overrides, n_train", [
    (SHUFFLE, 34), (SHUFFLE, 32), ({"model.name": "fcnn"}, 33),
    ({"model.name": "cnn"}, 33), ({"model.name": "vgg_a", "model.norm": "batch"}, 33),
])  # fmt: skip
def test_larger_maps_or_batches_are_taken(overrides, n_train):
    assert make_plan(overrides, n_train).n_step


@pytest.mark.parametrize("shape", [(1, 4), (1, 1, 1, 4)])
def test_the_layer_itself_refuses_to_train_on_one_value(shape):
    """And evaluates it, by running statistics."""
    x = jnp.ones(shape)
    variables = BatchNorm().init(jax.random.key(0), x, train=False)
    assert BatchNorm().apply(variables, x, train=False).shape == shape
    with pytest.raises(UserError, match="a single value a channel"):
        BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])
    with pytest.raises(UserError, match="a single value a channel"):
        jax.grad(lambda x: BatchNorm().apply(variables, x, train=True).sum())(x)
