"""PyTorch state dicts in and out: the names recorded from PyTorch, round trips, refusals, files."""

import json
import math
import pickle

import jax
import numpy as np
import places
import pytest
import seeded
from nobody import as_nobody, open_place

from jaxcifar import interop, models
from jaxcifar.core.errors import UserError
from jaxcifar.interop import __main__, convert, names

GOLDEN = np.load(places.GOLDEN / "networks.npz")
CASES = {case["label"]: case for case in json.loads(str(GOLDEN["cases"]))}
FIRST = {case["name"]: label for label, case in reversed(CASES.items())}
FAST = set(FIRST.values()) - {"canet_light", "canet_base", "rn8", "rn16", "rr20", "resnet34"}


def options(case):
    return {k: tuple(v) if isinstance(v, list) else v for k, v in case["options"].items()}


def shapes(label):
    recorded = json.loads(str(GOLDEN[f"{label}/shapes"]))
    return {key: tuple(shape) for key, shape in recorded.items()}


def test_every_network_with_names_in_pytorch_is_recorded():
    named = {name for name in models.MODELS if names.family(name) is not None}
    assert {case["name"] for case in CASES.values()} == named


def marked(label):
    return label if label in FAST else pytest.param(label, marks=pytest.mark.slow)


@pytest.mark.parametrize("label", [marked(label) for label in CASES])
def test_names_and_shapes_are_pytorch_s(label):
    """And each array alone survives the way there and back; the largest are left out."""
    case = CASES[label]
    found = convert.places(case["name"], models.make_model(case["name"], **options(case))).values()
    assert {place.key: place.torch_shape for place in found} == shapes(label)
    assert len({place.key for place in found}) == len(found)
    for place in found:
        if (size := math.prod(place.shape)) < 1e6:
            array = np.arange(size).reshape(place.shape)
            np.testing.assert_array_equal(place.from_torch(place.to_torch(array)), array)


ROUND = [  # BatchNorm and a shared slope; a flattened map; stacked blocks; convolutions in 1-D
    "cnn-filters=(32, 64, 128)-activation=prelu",
    "vgg_a_light",
    "rr16-activation=prelu",
    "cifar_resnet44",
    "canet_tiny",
]


@pytest.mark.parametrize("label", ROUND)
def test_the_round_trip_is_the_identity(label):
    case = CASES[label]
    arrays = seeded.weights(shapes(label), case["gain"])
    arrays = {key: array.astype("float32") for key, array in arrays.items()}
    variables = interop.from_torch(case["name"], arrays, **options(case))
    expected = models.counting.shapes(case["name"], **options(case))
    jax.tree.map(lambda a, s: np.testing.assert_equal(a.shape, s.shape), variables, expected)
    back = interop.to_torch(case["name"], variables, **options(case))
    assert back.keys() == arrays.keys()
    for key, array in arrays.items():
        assert back[key].dtype == np.float32 and back[key].flags.c_contiguous
        np.testing.assert_array_equal(back[key], array, err_msg=key)


def test_a_flattened_map_is_read_channels_first():
    """Row c * H * W + h * W + w of PyTorch's kernel is row h * W * C + w * C + c of ours."""
    variables = blank("vgg_a_light")
    kernel = np.zeros((2048, 128), np.float32)
    h, w, c = 3, 5, 7
    kernel[(h * 8 + w) * 32 + c, 11] = 1
    variables["params"]["fc1"]["kernel"] = kernel
    weight = interop.to_torch("vgg_a_light", variables)["classifier.0.weight"]
    assert weight.shape == (128, 2048)
    assert list(zip(*np.nonzero(weight), strict=True)) == [(11, (c * 8 + h) * 8 + w)]


def test_stacked_blocks_become_numbered_ones():
    arrays = {key: np.full(shape, i, np.float32) for i, (key, shape) in
              enumerate(shapes("cifar_resnet44").items())}  # fmt: skip
    params = interop.from_torch("cifar_resnet44", arrays)["params"]
    kernels = params["stage2_rest"]["conv2"]["kernel"]
    assert kernels.shape == (6, 3, 3, 32, 32)
    for row in range(6):
        assert (kernels[row] == arrays[f"layer2.{row + 1}.conv2.weight"][0, 0, 0, 0]).all()


def blank(name, **more):
    return jax.tree.map(
        lambda struct: np.zeros(struct.shape, struct.dtype), models.counting.shapes(name, **more)
    )


def light():
    return {key: np.zeros(shape, np.float32) for key, shape in shapes("vgg_a_light").items()}


def renamed(arrays):
    arrays["clasifier.0.weight"] = arrays.pop("classifier.0.weight")


def shortened(arrays):
    arrays["stage2.0.bias"] = np.zeros(31, np.float32)


def counted(arrays):
    arrays["stage1.0.bias"] = np.zeros(16, np.int64)


def prefixed(prefix):
    def spoil(arrays):
        for key in [*arrays]:
            arrays[prefix + key] = arrays.pop(key)

    return spoil


def of_another_network(arrays):
    arrays.clear()
    arrays.update({k: np.zeros(s, np.float32) for k, s in shapes("rci20").items()})


REFUSED = [
    (prefixed("net."), "missing and 9 more\nall names begin with 'net.': give them without it"),
    (
        of_another_network,
        r"is no array of .*, nor are \d+ more.*\n.* is missing and 9 more\nno name",
    ),
    (
        lambda a: a.update({"state_dict": light()}),
        r"'state_dict' holds a dict.*\ngive that: from_t",
    ),
    (
        lambda a: a.update({"module.stage1.0.bias": 0}),
        "two arrays are 'stage1.0.bias', one of them",
    ),
    (lambda a: a.update({7: 0}), "an array is called 7\n"),
    (renamed, r"'clasifier.0.weight' is no array of vgg_a_light; did you mean 'classifier.0.wei"),
    (lambda a: a.pop("stage1.0.weight"), r"'stage1.0.weight' of vgg_a_light is missing\n"),
    (lambda a: a.clear(), r"of vgg_a_light is missing and 9 more\n.*names vgg_a_light"),
    (shortened, r"'stage2.0.bias' has shape \(31,\), vgg_a_light needs \(32,\)\nall names agree"),
    (counted, r"'stage1.0.bias' holds int64"),
]


@pytest.mark.parametrize(("spoil", "message"), REFUSED)
def test_arrays_that_do_not_fit_are_refused(spoil, message):
    arrays = light()
    interop.from_torch("vgg_a_light", arrays)
    spoil(arrays)
    with pytest.raises(UserError, match=message) as refusal:
        interop.from_torch("vgg_a_light", arrays)
    assert len(str(refusal.value).splitlines()) <= 3


def test_variables_that_do_not_fit_are_refused():
    with pytest.raises(
        UserError, match="'batch_stats/bn1/mean' is no array of vgg_a, nor are 31 more\ngive"
    ):
        interop.to_torch("vgg_a", blank("vgg_a", norm="batch"))
    with pytest.raises(UserError, match="'batch_stats/bn1/mean' of cnn is missing and 5 more"):
        interop.to_torch("cnn", {"params": blank("cnn")["params"]})
    with pytest.raises(UserError, match="unknown model 'vgg_b'"):
        interop.to_torch("vgg_b", {})


def test_batch_counters_are_dropped():
    arrays = {key: np.zeros(shape, np.float32) for key, shape in shapes("rci20").items()}
    counters = {"bn1.num_batches_tracked": np.int64(3)}
    assert interop.from_torch("rci20", arrays | counters).keys() == {"params", "batch_stats"}
    assert not any("num_batches" in key for key in interop.to_torch("rci20", blank("rci20")))


WRAPPED = {
    "parallel": ("module.", "'module.' (10 names)"),
    "compiled": ("_orig_mod.", "'_orig_mod.' (10 names)"),
    "compiled, then parallel": (
        "module._orig_mod.",
        "'module.' (10 names), '_orig_mod.' (10 names)",
    ),
    "parallel, then compiled": (
        "_orig_mod.module.",
        "'_orig_mod.' (10 names), 'module.' (10 names)",
    ),
    "parallel twice": ("module.module.", "'module.' (20 names)"),
    "sharded": ("_fsdp_wrapped_module.", "'_fsdp_wrapped_module.' (10 names)"),
    "checkpointed": ("_checkpoint_wrapped_module.", "'_checkpoint_wrapped_module.' (10 names)"),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_what_wrappers_put_into_names_is_taken_out_and_said(kind, capsys):
    prefix, said = WRAPPED[kind]
    arrays = {
        key: np.full(array.shape, i, "float32") for i, (key, array) in enumerate(light().items())
    }
    expected = interop.from_torch("vgg_a_light", arrays)
    assert capsys.readouterr().err == ""
    counters = {f"{prefix}n_averaged": np.int64(3), f"{prefix}bn.num_batches_tracked": np.int64(3)}
    wrapped = counters | {prefix + key: array for key, array in arrays.items()}
    jax.tree.map(
        np.testing.assert_array_equal, interop.from_torch("vgg_a_light", wrapped), expected
    )
    assert capsys.readouterr().err == f"taken out of the names: {said}\n"


def test_a_part_may_be_wrapped_too(capsys):
    """As where the features alone are parallel, or one block is compiled."""
    parts = {"stage1.": "stage1.module.", "classifier.": "classifier._orig_mod."}
    arrays = light()
    for part, wrapped in parts.items():
        arrays = {key.replace(part, wrapped): array for key, array in arrays.items()}
    interop.from_torch("vgg_a_light", arrays)
    assert "'module.' (2 names), '_orig_mod.' (6 names)" in capsys.readouterr().err


@pytest.mark.parametrize("label", CASES)
def test_no_network_has_a_part_called_as_a_wrapper(label):
    assert all(names.unwrapped(key) == (key, []) for key in shapes(label))


def test_files_hold_the_arrays(tmp_path):
    arrays = seeded.weights(shapes("vgg_a_light"), 2.0)
    interop.save_safetensors(tmp_path / "w.safetensors", arrays, {"member": "a"})
    loaded = interop.load_safetensors(tmp_path / "w.safetensors")
    assert loaded.keys() == arrays.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(loaded[key], array)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps({"weight": np.zeros(3)}))
    with pytest.raises(UserError, match="is not a safetensors file"):
        interop.load_safetensors(path)
    with pytest.raises(UserError, match="no file"):
        interop.load_safetensors(tmp_path / "absent.safetensors")


def test_a_file_of_another_user_is_refused():
    with open_place() as place:
        path = place / "w.safetensors"
        interop.save_safetensors(path, light())
        path.chmod(0)
        with as_nobody(), pytest.raises(UserError, match=r"cannot be read \(Permission denied\)"):
            interop.load_safetensors(path)


def test_names_are_listed(capsys):
    assert __main__.main(["names", "vgg_a_light"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert "stage1.0.weight (16, 3, 3, 3)" in {" ".join(line.split(maxsplit=1)) for line in lines}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["exprt"], "unknown command 'exprt'; did you mean 'export'"),
        (["names"], "which network?"),
        (["names", "vgg_b"], "unknown model 'vgg_b'"),
        (["export", "--workdir=x", "--out=w.safetensors"], "--member is not given"),
        (["export", "--workdir=x", "--member=m", "--out=w.pt"], "must end in .safetensors"),
        (["export", "--workdir=x", "--member=m", "--out=w.safetensors"], "x is no run folder"),
    ],
)
def test_the_command_refuses(argv, message):
    with pytest.raises(UserError, match=message) as refusal:
        __main__.main(argv)
    assert len(str(refusal.value).splitlines()) <= 3
