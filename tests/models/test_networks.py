"""The table of networks: published counts, one contract for every row, and its refusals."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import models
from jaxcifar.errors import UserError

COUNTS = [  # name, options, parameters, BN statistics
    ("cnn", {}, 2_603_274, 896),
    ("cnn", {"use_batchnorm": False}, 2_602_378, 0),
    ("cnn", {"filters": (32, 64, 128)}, 1_276_682, 448),
    ("cnn", {"filters": (128, 256, 512)}, 5_809_418, 1_792),
    ("cnn", {"filters": [128, 256, 512], "use_batchnorm": False}, 5_807_626, 0),
    ("vgg_a", {}, 9_750_922, 0),
    ("vgg_a", {"norm": "batch"}, 9_756_426, 5_504),
    ("vgg_a_dropout", {}, 9_750_922, 0),
    ("vgg_a_light", {}, 285_162, 0),
]

SMALL = {  # every row at a size that compiles and runs in moments
    "cnn": {"filters": (4, 4, 4), "activation": "leaky_relu", "dropout_rate": 0.3},
    "vgg_a": {"norm": "batch", "width": 0.02, "init": "xavier_normal"},
    "vgg_a_light": {},
    "vgg_a_dropout": None,  # as large as vgg_a: by shapes alone
}


@pytest.mark.parametrize(("name", "options", "parameters", "statistics"), COUNTS)
def test_published_counts(name, options, parameters, statistics):
    """Each was counted from a PyTorch build of the same network."""
    found = models.count(name, **options)
    assert (found.parameters, found.statistics) == (parameters, statistics)
    assert models.count_parameters(name, **options) == parameters


def test_macs_by_hand():
    plan = [(3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 256, 8), (256, 512, 4), (512, 512, 4)]
    convolutions = sum(9 * i * o * s * s for i, o, s in [*plan, (512, 512, 2), (512, 512, 2)])
    assert models.macs("vgg_a", norm="batch") == convolutions + 512 * 512 * 2 + 512 * 10


def test_every_row_is_complete():
    for name, spec in models.MODELS.items():
        shapes = models.counting.shapes(name)["params"]
        for path in (spec.first_kernel, spec.last_kernel):
            leaf = functools.reduce(lambda tree, part: tree[part], path, shapes)
            assert len(leaf.shape) in (2, 4), name
        assert set(spec.traced) | set(spec.choices) <= set(spec.options)
        assert spec.doc


def setup(name, **more):
    model = models.make_model(name, **SMALL[name], **more)
    images = jax.random.normal(jax.random.key(1), (8, 32, 32, 3))
    return (
        model,
        jax.jit(functools.partial(model.init, train=False))(jax.random.key(0), images),
        images,
    )


def apply(model, variables, images):
    rngs = {"dropout": jax.random.key(2)}
    return model.apply(variables, images, train=True, mutable=["batch_stats"], rngs=rngs)


FAST = ("cnn", "vgg_a_light")  # the others take 10 s each to compile


@pytest.mark.parametrize(
    "name",
    [
        name if name in FAST else pytest.param(name, marks=pytest.mark.slow)
        for name, options in SMALL.items()
        if options is not None
    ],
)
def test_contract(name):
    """Trains and evaluates, survives vmap, and no leaf's gradient is infinite or zero."""
    model, variables, images = setup(name)

    def loss(params):
        logits, state = apply(model, {**variables, "params": params}, images)
        return jnp.sum(jnp.square(logits)), (logits, state)

    lanes = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), variables["params"])
    grads, (logits, state) = jax.jit(jax.vmap(jax.grad(loss, has_aux=True)))(lanes)
    assert logits.shape == (2, 8, 10) and logits.dtype == jnp.float32
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-5, atol=1e-6)
    for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
        assert np.isfinite(leaf).all(), path
        layer = path[0].key
        if "conv" in layer and "bias" in str(path[1]) and f"bn{layer[4:]}" in grads:
            continue  # BatchNorm removes what this bias adds: zero by construction
        assert np.abs(leaf).max() > 0, path
    if state:
        moved = jax.tree.map(
            lambda a, b: np.abs(a[0] - b).max() > 0, state["batch_stats"], variables["batch_stats"]
        )
        assert jax.tree.all(moved)


def test_bfloat16_keeps_parameters_statistics_and_logits_in_float32():
    model = models.make_model("vgg_a", **SMALL["vgg_a"], dtype="bfloat16")
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


def test_traced_dropout_rate_wins_over_the_attribute():
    model, variables, images = setup("cnn")
    quiet = {**variables, "hyper": {"dropout_rate": jnp.float32(0)}}
    loud = {**variables, "hyper": {"dropout_rate": jnp.float32(0.9)}}
    run = jax.jit(functools.partial(apply, model))
    still = models.make_model("cnn", **{**SMALL["cnn"], "dropout_rate": 0.0})
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
    ("vgg_b", {}, r"unknown model 'vgg_b'; did you mean 'vgg_a'\?\nchoose one of: cnn, vgg_a,"),
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
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_refusals(name, options, message):
    with pytest.raises(UserError, match=message) as refusal:
        models.make_model(name, **options)
    assert len(str(refusal.value).splitlines()) <= 3
