"""Every network against the same network in PyTorch: recorded outputs, gradients, statistics.

The file comes from scripts/make_golden.py. A failure names the array; mend the network, not the
file, unless the reference itself was wrong.
"""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import places
import pytest
import seeded

from jaxcifar import interop, losses, models

GOLDEN = np.load(places.GOLDEN / "networks.npz")
CASES = {case["label"]: case for case in json.loads(str(GOLDEN["cases"]))}
RUN = {label: case for label, case in CASES.items() if case["size"]}
STEPS = 3
TOLERANCE = {"float64": 1e-8, "float32": 1e-4}
FAST = {  # none of which compiles for more than moments
    ("cnn-filters=(32, 64, 128)-activation=relu", "float64"),
    ("vgg_a_light", "float32"),
    ("fcnn-width=64-depth=2", "float64"),
}


def build(case, dtype):
    """The network with every dropout off.

    In float64 by matrix products alone: XLA's own convolutions of doubles take minutes on a CPU.
    """
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in case["options"].items()}
    known = models.MODELS[case["name"]].options
    off = {name: 0.0 for name in ("dropout_rate", "input_dropout2d") if name in known}
    lowering = "rows" if dtype == "float64" else None
    return models.make_model(case["name"], lowering=lowering, **off | options)


def start(case, dtype):
    """Seeded weights, images (N, 32, 32, 3), labels."""
    model = build(case, dtype)
    shapes = json.loads(str(GOLDEN[f"{case['label']}/shapes"]))
    arrays = seeded.weights(shapes, case["gain"])
    arrays = {key: array.astype(dtype) for key, array in arrays.items()}
    images, labels = seeded.batch(case["size"], case["seed"])
    images = images.transpose(0, 2, 3, 1).astype(dtype)
    return model, interop.convert.variables_of(case["name"], model, arrays), images, labels


def train(model, variables, images, labels, lr):
    """Three steps of plain SGD: first logits, losses, first gradients, last statistics."""
    cross_entropy = losses.make_loss("cross_entropy")

    def loss_fn(params, stats):
        logits, state = model.apply(
            {"params": params, "batch_stats": stats}, images, train=True, mutable=["batch_stats"]
        )
        return cross_entropy(logits, labels).mean(), (logits, state.get("batch_stats", {}))

    @jax.jit
    def step(params, stats):
        (loss, (logits, stats)), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, stats)
        params = jax.tree.map(lambda p, g: p - jnp.asarray(lr, p.dtype) * g, params, grads)
        return params, stats, (logits, loss, grads)

    params, stats, seen = variables["params"], variables.get("batch_stats", {}), []
    for _ in range(STEPS):
        params, stats, more = step(params, stats)
        seen.append(more)
    return seen[0][0], np.array([loss for _, loss, _ in seen]), seen[0][2], stats


def compare(case, kind, arrays, tolerance):
    """Summaries of the arrays against the recorded rows."""
    found = np.array([seeded.summary(key, array) for key, array in arrays.items()])
    wanted = GOLDEN[f"{case['label']}/{kind}"]
    assert len(found) == len(wanted)
    for key, off in zip(arrays, seeded.distances(found.reshape(wanted.shape), wanted), strict=True):
        assert off <= tolerance, f"{kind} of {key} differ by {off:.1e} of their norm"


def parameters():
    for label in RUN:
        for dtype in TOLERANCE:
            marks = () if (label, dtype) in FAST else pytest.mark.slow
            yield pytest.param(label, dtype, marks=marks, id=f"{label}-{dtype}")


@pytest.mark.parametrize(("label", "dtype"), list(parameters()))
def test_network_equals_pytorch(label, dtype):
    case, tolerance = CASES[label], TOLERANCE[dtype]
    with jax.enable_x64(dtype == "float64"):
        model, variables, images, labels = start(case, dtype)
        evaluate = jax.jit(functools.partial(model.apply, train=False))
        outputs = {"eval_logits": evaluate(variables, images)}
        outputs["train_logits"], outputs["losses"], grads, stats = train(
            model, variables, images, labels, case["lr"]
        )
        outputs = {name: np.asarray(found) for name, found in outputs.items()}
        arrays = interop.convert.state_dict(
            case["name"], model, {"params": grads, "batch_stats": stats}
        )
    for name, found in outputs.items():
        wanted = GOLDEN[f"{label}/{name}"]
        off = np.abs(found - wanted).max() / np.linalg.norm(wanted)
        assert found.dtype == dtype
        assert off <= tolerance, f"{name} differ by {off:.1e} of their norm"
    order = json.loads(str(GOLDEN[f"{label}/shapes"]))
    for kind, statistic in (("gradients", False), ("statistics", True)):
        rows = {key: arrays[key] for key in order if (".running_" in key) == statistic}
        compare(case, kind, rows, tolerance)
