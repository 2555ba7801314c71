"""The table of networks: published counts, and rows that are complete."""

import functools

import jax
import jax.numpy as jnp
import pytest

from jaxcifar import models

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
    ("deep_linear", {}, 2_500, 0),  # 25 matrices of 10 x 10, by hand
    ("deep_linear", {"norm": "batch"}, 2_980, 480),  # 24 normalisations of 10
]

CANET_BLOCKS = {
    "tiny": (6_404, 12_020, 31_044, 47_428, 123_428, 168_484),
    "light": (22_420, 47_476, 123_460, 188_996, 492_580, 672_804),
    "base": (83_636, 189_044, 492_612, 754_756, 1_968_164, 2_689_060),
    "pro": (322_804, 754_804, 1_968_196, 3_016_772, 7_868_452, 10_752_036),
}


@pytest.mark.parametrize(("name", "options", "parameters", "statistics"), COUNTS)
def test_published_counts(name, options, parameters, statistics):
    """Each of images was counted from a PyTorch build of the same network."""
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
