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
    ("vgg11", {}, 128_807_306, 0),
    ("vgg16", {}, 14_728_266, 8_448),
    ("resnet_r0", {}, 2_777_674, 4_480),
    ("resnet_r3", {}, 2_777_546, 4_352),
    ("resnet_r3", {"stem_bn": True}, 2_777_674, 4_480),
    ("resnet18", {}, 11_173_962, 9_600),
    ("resnet34", {}, 21_282_122, 17_024),
    ("resnet50", {}, 23_520_842, 53_120),
    ("cifar_resnet20", {}, 269_722, 1_376),
    ("cifar_resnet32", {}, 464_154, 2_272),
    ("cifar_resnet44", {}, 658_586, 3_168),
    ("cifar_resnet56", {}, 853_018, 4_064),
    ("cifar_resnet110", {}, 1_727_962, 8_096),
    ("cifar_resnet1202", {}, 19_421_274, 89_632),
    ("cifar_resnet20", {"shortcut": "B"}, 272_474, 1_568),
    ("cifar_resnet32", {"shortcut": "B"}, 466_906, 2_464),
    ("cifar_resnet44", {"shortcut": "B"}, 661_338, 3_360),
    ("cifar_resnet56", {"shortcut": "B"}, 855_770, 4_256),
    ("cifar_resnet110", {"shortcut": "B"}, 1_730_714, 8_288),
    ("rci20", {}, 269_626, 1_280),
    ("canet_tiny", {}, 396_155, 1_920),
    ("canet_light", {}, 1_576_244, 3_840),
    ("canet_base", {}, 6_289_574, 7_680),
    ("canet_pro", {}, 25_128_842, 15_360),
    ("mobilenet_v2", {}, 2_236_682, 34_112),
    ("shufflenet_v2_x0_5", {}, 352_042, 7_952),
    ("fcnn", {}, 1_315_594, 0),
    ("conv_encoder", {}, 57_354, 0),
    ("rn4", {}, 102_138, 384),
    ("rn8", {}, 139_386, 768),
    ("rn16", {}, 213_882, 1_536),
    ("rn16", {"activation": "prelu"}, 213_883, 1_536),
    ("rr16", {}, 227_706, 1_536),
    ("rr20", {}, 268_410, 1_920),
    ("rr32", {}, 390_522, 3_072),
    ("convnet_r4", {}, 1_334_624, 1_200),
    ("convnet_r4", {"bn": (False, False, False, True, False, False)}, 1_333_624, 200),
    ("convnet_r4", {"bn": (False,) * 6}, 1_333_424, 0),
    ("convnet_r4", {"bn": (False, True) * 3}, 1_334_024, 600),
    ("wrn28_10", {}, 36_479_194, 17_952),
    ("preact_resnet18", {}, 11_171_146, 6_784),
    ("preact_resnet18", {"final_bn": True}, 11_172_170, 7_808),
]

CANET_BLOCKS = {
    "tiny": (6_404, 12_020, 31_044, 47_428, 123_428, 168_484),
    "light": (22_420, 47_476, 123_460, 188_996, 492_580, 672_804),
    "base": (83_636, 189_044, 492_612, 754_756, 1_968_164, 2_689_060),
    "pro": (322_804, 754_804, 1_968_196, 3_016_772, 7_868_452, 10_752_036),
}

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


@pytest.mark.parametrize(("name", "options", "parameters", "statistics"), COUNTS)
def test_published_counts(name, options, parameters, statistics):
    """Each was counted from a PyTorch build of the same network."""
    shapes = models.counting.shapes(name, **options)
    sizes = (jax.tree.leaves(shapes.get(kind, {})) for kind in ("params", "batch_stats"))
    assert [sum(leaf.size for leaf in leaves) for leaves in sizes] == [parameters, statistics]


def test_parameters_alone():
    assert models.count_parameters("cnn", filters=(32, 64, 128)) == 1_276_682


def test_macs_by_hand():
    plan = [(3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 256, 8), (256, 512, 4), (512, 512, 4)]
    convolutions = sum(9 * i * o * s * s for i, o, s in [*plan, (512, 512, 2), (512, 512, 2)])
    assert models.macs("vgg_a", norm="batch") == convolutions + 512 * 512 * 2 + 512 * 10


@pytest.mark.parametrize("name", models.MODELS)
def test_every_row_is_complete_and_gives_ten_logits(name):
    """By shapes: the kernels lie where the row says, and three images give (3, 10) float32."""
    spec, shapes = models.MODELS[name], models.counting.shapes(name)
    for path in (spec.first_kernel, spec.last_kernel):
        leaf = functools.reduce(lambda tree, part: tree[part], path, shapes["params"])
        assert len(leaf.shape) in (2, 4)
    assert set(spec.traced) <= set(spec.options)
    assert spec.doc
    images = jax.ShapeDtypeStruct((3, 32, 32, 3), jnp.float32)
    evaluate = functools.partial(models.make_model(name, lowering="library").apply, train=False)
    logits = jax.eval_shape(evaluate, shapes, images)
    assert (logits.shape, logits.dtype) == ((3, 10), jnp.float32)


@pytest.mark.parametrize("size", CANET_BLOCKS)
def test_canet_counts_by_block(size):
    params = models.counting.shapes(f"canet_{size}")["params"]
    found = [sum(x.size for x in jax.tree.leaves(params[f"res{i}"])) for i in range(6)]
    assert tuple(found) == CANET_BLOCKS[size]


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
                     marks=() if case in list(FAST.items())[:5] else pytest.mark.slow)
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
