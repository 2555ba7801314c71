"""What every network computes in PyTorch: outputs, gradients, statistics of three steps.

Weights, images and probes come from tests/seeded.py; only shapes and results are kept.
"""

import json
from typing import Any, NamedTuple

import numpy as np
import seeded
import torch
from torch import nn

from jaxcifar.bench.torch_networks import build

Shapes = dict[str, tuple[int, ...]]
STEPS = 3
STEADY = 5e-5
"""Of an array's norm: half of what the tests allow in float32."""
NOISE = 3e-7
"""Relative, of the weights: some times what float32 rounds away."""
SEEDS = range(40)


class Case(NamedTuple):
    """One network to record.

    `gain` keeps its signals near 1; `size` images, 0 for shapes alone; `seed` draws them.
    """

    name: str
    options: dict[str, Any]
    size: int
    gain: float
    lr: float
    seed: int = 0

    @property
    def label(self) -> str:
        """The network and its options in one word."""
        return "-".join([self.name, *(f"{k}={v}" for k, v in self.options.items())])


IMAGES = 4
SIZES = {"vgg11": 0, "cifar_resnet1202": 0, "shufflenet_v2_x0_5": 16}
SIZES |= dict.fromkeys(("resnet34", "resnet50", "wrn28_10", "rr32"), 2)
SIZES |= dict.fromkeys(("cifar_resnet56", "cifar_resnet110"), 2)
SIZES |= dict.fromkeys(("canet_tiny", "canet_light", "canet_base", "canet_pro"), 2)
"""Images, where not `IMAGES`: few for networks that are large or have many kinks, many for one
whose BatchNorm over few pixels enlarges rounding errors."""

SLOW = ("resnet34", "resnet50", "mobilenet_v2", "shufflenet_v2_x0_5", "wrn28_10", "vgg16")
SLOW += ("cifar_resnet56", "cifar_resnet110")
"""Networks in which three steps at the usual rate would enlarge rounding errors."""

BATCHNORM, NONE, DEEP = 1.0, 2.0, 0.3
"""Gains of networks with BatchNorm, without, and with many residual sums."""

VARIANTS: list[tuple[str, float, list[dict[str, Any]]]] = [
    (
        "cnn",
        BATCHNORM,
        [
            {},
            {"use_batchnorm": False, "out_activation": "tanh"},
            {"activation": "leaky_relu", "leaky_slope": 0.05},
            *({"filters": (32, 64, 128), "activation": a} for a in ("relu", "elu", "prelu")),
        ],
    ),
    ("vgg_a", NONE, [{}]),
    ("vgg_a", BATCHNORM, [{"norm": "batch"}]),
    ("vgg_a_light", NONE, [{}]),
    ("vgg_a_dropout", NONE, [{}]),
    ("vgg11", NONE, [{}]),
    ("vgg16", BATCHNORM, [{}]),
    ("fcnn", NONE, [{}, {"width": 64, "depth": 2}]),
    ("fcnn", NONE, [{"activation": a} for a in ("prelu", "tanh", "sigmoid")]),
    ("conv_encoder", NONE, [{}, {"channels": (32, 48, 16)}]),
    ("convnet_r4", BATCHNORM, [{}]),
    ("convnet_r4", NONE, [{"bn": (False,) * 6}, {"bn": (False, True) * 3}]),
    *((f"resnet{depth}", DEEP, [{}]) for depth in (18, 34, 50)),
    ("mobilenet_v2", DEEP, [{}]),
    ("shufflenet_v2_x0_5", DEEP, [{}]),
    *((f"canet_{size}", DEEP, [{}]) for size in ("tiny", "light", "base", "pro")),
    ("preact_resnet18", DEEP, [{}, {"final_bn": True}]),
    ("wrn28_10", DEEP, [{}]),
    ("resnet_r3", DEEP, [{}, {"stem_bn": True}]),
    ("resnet_r0", DEEP, [{}, *({"activation": a} for a in ("relu", "gelu", "mish"))]),
    ("resnet_r0", DEEP, [{"activation": "mish", "stem_activation": "same"}]),
    ("rn4", DEEP, [{}, *({"activation": a} for a in ("relu", "prelu", "gelu"))]),
    ("rn4", DEEP, [{"channels": 8, "hidden": 24}]),
    *((name, DEEP, [{}]) for name in ("rn8", "rn16", "rr20", "rr32")),
    ("rr16", DEEP, [{}, {"activation": "prelu"}]),
    ("rci20", DEEP, [{}, {"activation": "relu"}, {"activation": "prelu"}]),
    ("cifar_resnet20", DEEP, [{}, {"shortcut": "B"}, {"activation": "silu"}]),
    *((f"cifar_resnet{depth}", DEEP, [{}]) for depth in (32, 44, 56, 110, 1202)),
]


def cases() -> list[Case]:
    """Every network, and options that change what is computed."""
    found = []
    for name, gain, variants in VARIANTS:
        lr = 0.0001 if name in SLOW else 0.001
        for options in variants:
            found.append(Case(name, options, SIZES.get(name, IMAGES), gain, lr))
    return found


COUNTS = {  # parameters, elements of BN statistics; published or counted by others
    "cnn": (2_603_274, 896),
    "vgg_a": (9_750_922, 0),
    "vgg_a-norm=batch": (9_756_426, 5_504),
    "vgg_a_dropout": (9_750_922, 0),
    "vgg_a_light": (285_162, 0),
    "resnet_r0": (2_777_674, 4_480),
    "canet_tiny": (396_155, 1_920),
    "canet_light": (1_576_244, 3_840),
    "canet_base": (6_289_574, 7_680),
    "canet_pro": (25_128_842, 15_360),
    "shufflenet_v2_x0_5": (352_042, 7_952),
    "mobilenet_v2": (2_236_682, 34_112),
    "resnet18": (11_173_962, 9_600),
    "resnet34": (21_282_122, 17_024),
    "resnet50": (23_520_842, 53_120),
    "vgg11": (128_807_306, 0),
    "fcnn": (1_315_594, 0),
    "conv_encoder": (57_354, 0),
    "rn4": (102_138, 384),
    "rn8": (139_386, 768),
    "rn16": (213_882, 1_536),
    "rr16": (227_706, 1_536),
    "rr20": (268_410, 1_920),
    "rr32": (390_522, 3_072),
    "cifar_resnet20": (269_722, 1_376),
    "cifar_resnet20-shortcut=B": (272_474, 1_568),
    "cifar_resnet32": (464_154, 2_272),
    "cifar_resnet44": (658_586, 3_168),
    "cifar_resnet56": (853_018, 4_064),
    "cifar_resnet110": (1_727_962, 8_096),
    "cifar_resnet1202": (19_421_274, 89_632),
    "rci20": (269_626, 1_280),
    "resnet_r3": (2_777_546, 4_352),
    "resnet_r3-stem_bn=True": (2_777_674, 4_480),
    "convnet_r4": (1_334_624, 1_200),
    "wrn28_10": (36_479_194, 17_952),
    "preact_resnet18": (11_171_146, 6_784),
    "vgg16": (14_728_266, 8_448),
}


def state_shapes(case: Case) -> Shapes:
    """The state dict's names and shapes, without the batch counters."""
    with torch.device("meta"):
        state = build(case.name, **case.options).state_dict()
    return {k: tuple(v.shape) for k, v in state.items() if not k.endswith("num_batches_tracked")}


def check_counts(label: str, shapes: Shapes) -> None:
    """Refuses a network of another size than the published one."""
    sizes = {key: int(np.prod(shape)) for key, shape in shapes.items()}
    statistics = sum(size for key, size in sizes.items() if ".running_" in key)
    found = (sum(sizes.values()) - statistics, statistics)
    if found != COUNTS.get(label, found):
        raise SystemExit(f"{label}: {found} values, not {COUNTS[label]}")


def measure(case: Case, shapes: Shapes, dtype: Any, draw: int = 0) -> dict[str, np.ndarray]:
    """Logits in both modes, losses, gradients of the first step, statistics after the last.

    `draw` 1 and more: with noise of its own on the weights.
    """
    net = build(case.name, **case.options).to(dtype)
    state = seeded.weights(shapes, case.gain)
    if draw:
        rng = np.random.default_rng(draw)
        state = {k: v * (1 + NOISE * rng.standard_normal(v.shape)) for k, v in state.items()}
    net.load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
    images, labels = (torch.tensor(array) for array in seeded.batch(case.size, case.seed))
    images = images.to(dtype)
    with torch.no_grad():
        arrays = {"eval_logits": net.eval()(images).numpy()}
    logits, losses, grads = train(net, images, labels, case.lr)
    statistics = {k: v.numpy() for k, v in net.named_buffers() if ".running_" in k}
    arrays |= {"train_logits": logits, "losses": losses}
    for kind, found in (("gradients", grads), ("statistics", statistics)):
        rows = [seeded.summary(k, found[k]) for k in shapes if k in found]
        arrays[kind] = np.array(rows).reshape(-1, 2 + seeded.PLACES)
    return arrays


def train(
    net: nn.Module, images: torch.Tensor, labels: torch.Tensor, lr: float
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Plain SGD on one batch: the first step's logits, every loss, the first step's gradients."""
    sgd = torch.optim.SGD(net.train().parameters(), lr=lr)
    outputs, losses, grads = [], [], {}
    for step in range(STEPS):
        sgd.zero_grad()
        outputs.append(net(images))
        loss = nn.functional.cross_entropy(outputs[-1], labels)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            grads = {k: p.grad.numpy().copy() for k, p in net.named_parameters()}
        sgd.step()
    return outputs[0].detach().numpy(), np.array(losses), grads


def settle(case: Case, shapes: Shapes) -> tuple[Case, dict[str, np.ndarray]]:
    """The first batch that has no unit so near a kink that rounding may put it across."""
    for seed in SEEDS:
        case = case._replace(seed=seed)
        wanted = measure(case, shapes, torch.float64)
        trials = ((torch.float32, 0), (torch.float64, 1), (torch.float64, 2))
        if all(near(measure(case, shapes, *trial), wanted) for trial in trials):
            return case, wanted
    raise SystemExit(f"{case.label}: no batch of {case.size} images is steady; change its size")


def near(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> bool:
    """Whether gradients and statistics agree within `STEADY`."""
    kinds = ("gradients", "statistics")
    off = [seeded.distances(found[kind], wanted[kind]).max(initial=0) for kind in kinds]
    return bool(max(off) <= STEADY)


def row(case: Case) -> dict[str, Any]:
    """A case as the tests read it."""
    return {"label": case.label, **case._asdict()}


def record() -> dict[str, dict[str, np.ndarray]]:
    """Every case, `label/field`, and the list of cases."""
    torch.set_num_threads(1)
    arrays, rows = {}, []
    for case in cases():
        shapes = state_shapes(case)
        check_counts(case.label, shapes)
        arrays[f"{case.label}/shapes"] = np.array(json.dumps(shapes))
        case, found = settle(case, shapes) if case.size else (case, {})
        arrays |= {f"{case.label}/{field}": array for field, array in found.items()}
        rows.append(row(case))
        print(case.label, case.seed, found.get("losses", "shapes alone"), flush=True)
    return {"networks": {"cases": np.array(json.dumps(rows)), **arrays}}
