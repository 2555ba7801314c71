"""The table of networks: one contract for every row, and its refusals."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import models
from jaxcifar.core.errors import UserError

FAST = {  # small enough to compile in every run of the tests
    "cnn": {"filters": (4, 4, 4), "activation": "leaky_relu", "dropout_rate": 0.3},
    "vgg_a_light": {},
    "fcnn": {"width": 32, "depth": 2, "activation": "gelu", "dropout_rate": 0.3},
    "conv_encoder": {"channels": (8, 8, 8), "activation": "elu"},
    "rn4": {"channels": 4, "hidden": 8, "activation": "prelu", "input_dropout2d": 0.3},
    "rr16": {"channels": 4, "hidden": 8},  # under nn.scan, and slow: ten seconds
}

SHAPES_ONLY = ("cifar_resnet1202", "vgg11")

CASES = [
    *FAST.items(),
    ("vgg_a", {"norm": "batch", "width": 0.25, "init": "xavier_normal"}),
    ("rn16", {"activation": "prelu"}),
    ("cifar_resnet20", {"shortcut": "B"}),
    ("convnet_r4", {"bn": (False,) * 6}),
    *((name, {}) for name in models.MODELS if name not in (*SHAPES_ONLY, "vgg_a_light")),
]


def setup(name, **options):
    model = models.make_model(name, **options)
    images = jax.random.normal(jax.random.key(1), (8 * 32 * 32 * 3,)).reshape(8, 32, 32, 3)
    init = jax.jit(functools.partial(model.init, train=False))
    return model, init(jax.random.key(0), images), images


def apply(model, variables, images):
    rngs = {"dropout": jax.random.key(2)}
    return model.apply(variables, images, train=True, mutable=["batch_stats"], rngs=rngs)


def sum_of_squares(model, variables, images):
    """(params) -> a loss, the logits and the updated statistics."""

    def loss(params):
        logits, state = apply(model, {**variables, "params": params}, images)
        return jnp.sum(jnp.square(logits.astype(jnp.float32))), (logits, state)

    return loss


def idle(path):
    """Whether a leaf is the bias of a convolution that a BatchNorm follows: it does nothing."""
    return path[-1].key == "bias" and path[-2].key.startswith("conv")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(*case, id="-".join([case[0], *map(str, case[1].values())]),
                     marks=() if case in list(FAST.items())[:4] else pytest.mark.slow)
        for case in CASES
    ],
)  # fmt: skip
def test_contract(name, options):
    """Trains and evaluates as two members, and every leaf learns from a finite gradient."""
    model, variables, images = setup(name, **options)
    has_norm = "batch_stats" in variables
    lanes = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), variables["params"])
    grad = jax.grad(sum_of_squares(model, variables, images), has_aux=True)
    grads, (logits, state) = jax.jit(jax.vmap(grad))(lanes)
    assert logits.shape == (2, 8, 10) and logits.dtype == jnp.float32
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-4, atol=1e-5)
    for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
        assert np.isfinite(leaf).all(), path
        assert np.abs(leaf).max() > 0 or (has_norm and idle(path)), path
    if has_norm:
        moved = jax.tree.map(
            lambda a, b: np.abs(a[0] - b).max() > 0, state["batch_stats"], variables["batch_stats"]
        )
        assert jax.tree.all(moved)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("cnn", FAST["cnn"], id="small-cnn", marks=pytest.mark.slow),
        pytest.param("rr16", FAST["rr16"], id="small-rr16", marks=pytest.mark.slow),
        *(pytest.param(name, {}, id=name, marks=pytest.mark.slow)
          for name in models.MODELS if name not in SHAPES_ONLY),
    ],
)  # fmt: skip
def test_compiled_equals_plain_and_bfloat16_is_finite(name, options):
    model, variables, images = setup(name, **options)
    evaluate = functools.partial(model.apply, train=False)
    compiled = jax.jit(evaluate)(variables, images)
    np.testing.assert_allclose(compiled, evaluate(variables, images), rtol=1e-3, atol=1e-4)
    half = models.make_model(name, **options, dtype="bfloat16")
    grad = jax.grad(sum_of_squares(half, variables, images), has_aux=True)
    grads, (logits, state) = jax.jit(grad)(variables["params"])
    for leaf in jax.tree.leaves((grads, logits, state)):
        assert leaf.dtype == jnp.float32 and np.isfinite(leaf).all()


def test_bfloat16_keeps_parameters_statistics_and_logits_in_float32():
    model = models.make_model("vgg_a", norm="batch", width=0.02, dtype="bfloat16")
    images = jax.ShapeDtypeStruct((8, 32, 32, 3), jnp.float32)
    init = functools.partial(model.init, train=False)
    variables = jax.eval_shape(init, jax.random.key(0), images)
    run = jax.eval_shape(functools.partial(apply, model), variables, images)
    assert {leaf.dtype for leaf in jax.tree.leaves((variables, run))} == {jnp.dtype("float32")}
    text = str(jax.make_jaxpr(functools.partial(apply, model))(variables, images))
    assert "bf16[8,32,32" in text, "nothing was computed in bfloat16"


def test_float64_parameters_make_everything_float64():
    with jax.enable_x64(True):
        model = models.make_model("vgg_a", norm="batch")
        shapes = models.counting.shapes("vgg_a", norm="batch")
        wide = jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, jnp.float64), shapes)
        images = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
        run = jax.eval_shape(functools.partial(apply, model), wide, images)
    assert {leaf.dtype for leaf in jax.tree.leaves(run)} == {jnp.dtype("float64")}


@pytest.mark.slow
def test_traced_dropout_rate_wins_over_the_attribute():
    model, variables, images = setup("cnn", **FAST["cnn"])
    quiet = {**variables, "hyper": {"dropout_rate": jnp.float32(0)}}
    loud = {**variables, "hyper": {"dropout_rate": jnp.float32(0.9)}}
    run = jax.jit(functools.partial(apply, model))
    still = models.make_model("cnn", **{**FAST["cnn"], "dropout_rate": 0.0})
    np.testing.assert_allclose(
        run(quiet, images)[0], apply(still, variables, images)[0], rtol=1e-4, atol=1e-5
    )
    assert np.abs(run(quiet, images)[0] - run(loud, images)[0]).max() > 1e-3


def test_width_scales_every_layer_but_the_last():
    params = models.counting.shapes("vgg_a", width=0.25)["params"]
    assert params["conv1"]["kernel"].shape == (3, 3, 3, 16)
    assert params["conv8"]["kernel"].shape == (3, 3, 128, 128)
    assert params["fc2"]["kernel"].shape == (128, 128)
    assert params["fc3"]["kernel"].shape == (128, 10)


REFUSED = [
    ("vgg_b", {}, r"unknown model 'vgg_b'; did you mean 'vgg_a'\?\nchoose one of: canet_base,"),
    ("vgg_a", {"widht": 1.0}, "unknown option of model 'vgg_a': 'widht'; did you mean 'width'"),
    ("vgg_a", {"norm": "bacth"}, "unknown norm 'bacth'; did you mean 'batch'"),
    ("vgg_a", {"width": "wide"}, r"width must be a number, as 1.0; got 'wide'"),
    ("vgg_a", {"width": 0}, "width must be positive; got 0"),
    ("vgg_a", {"width": float("nan")}, "width must be positive; got nan"),
    ("vgg_a", {"dtype": "float8"}, "unknown dtype 'float8'"),
    ("vgg_a_dropout", {"dropout_rate": 1.5}, r"dropout_rate must be in \[0, 1\]; got 1.5"),
    ("cnn", {"filters": (64, 128)}, "filters must be 3 values"),
    ("cnn", {"use_batchnorm": 1}, "use_batchnorm must be True or False"),
    ("cnn", {"leaky_slope": 0.1}, "leaky_slope has no effect unless activation is 'leaky_relu'"),
    ("cnn", {"init": "he"}, "unknown init 'he'"),
    ("resnet_r0", {"stem_activation": "quirks"}, "did you mean 'quirk'"),
    ("resnet81", {}, "unknown model 'resnet81'; did you mean 'resnet18'"),
    ("cifar_resnet20", {"shortcut": "C"}, "unknown shortcut 'C'"),
    ("convnet_r4", {"bn": (True,)}, "bn must be 6 values"),
    ("fcnn", {"width": 0.5}, "width must be a whole number, as 256; got 0.5"),
    ("rn16", {"input_dropout2d": 2.0}, r"input_dropout2d must be in \[0, 1\]; got 2.0"),
    ("conv_encoder", {"strides": ()}, "strides must be 3 values"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_refusals(name, options, message):
    with pytest.raises(UserError, match=message) as refusal:
        models.make_model(name, **options)
    assert len(str(refusal.value).splitlines()) <= 3


def test_an_encoder_with_nothing_left_to_pool_is_refused():
    with pytest.raises(UserError, match="convolution 3 leaves 1x1 pixels, too few to pool by 3"):
        models.counting.shapes("conv_encoder", strides=(2, 1, 1))
    with pytest.raises(UserError, match="give one stride for each convolution"):
        models.counting.shapes("conv_encoder", channels=(64, 32))


def test_the_stem_activation_quirk():
    """SiLU nets have a SiLU stem, all others a GELU stem, unless it is as in the blocks."""

    def stem(**options):
        model = models.make_model("resnet_r0", **options)
        run = functools.partial(model.apply, train=False)
        shapes = models.counting.shapes("resnet_r0")
        images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
        text = str(jax.make_jaxpr(run)(shapes, images))
        return {kind for kind, word in (("silu", "logistic"), ("gelu", "erf")) if word in text}

    assert stem() == {"silu"}
    assert stem(activation="relu") == {"gelu"}
    assert stem(activation="relu", stem_activation="same") == set()
