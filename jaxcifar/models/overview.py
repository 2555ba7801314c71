"""Networks as text: one line each, or one network layer by layer. From shapes alone."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from flax import linen as nn

from jaxcifar.models.counting import count, one_image, shapes
from jaxcifar.models.factory import find, make_model
from jaxcifar.models.layers import BatchNorm, Conv, Dense
from jaxcifar.models.registry import MODELS


class Layer(NamedTuple):
    """A module that holds variables of its own, as one image passes it."""

    path: str
    kind: str
    output: tuple[int, ...]  # without the batch
    parameters: int
    statistics: int
    blocks: int  # how many of it stand behind one another under one `nn.scan`
    calls: int  # how often one image passes each


def overview() -> str:
    """One line a network: parameters, BN statistics, products an image, output, what it is."""
    head = f"{'network':<20}{'parameters':>12}{'BN stats':>10}{'MMAC/image':>12}  output"
    return "\n".join([f"{head}   what", *map(_line, MODELS)])


def _line(name: str) -> str:
    found, (_, classes) = count(name), output_shape(name)
    return (
        f"{name:<20}{found.parameters:>12,}{found.statistics:>10,}{found.macs / 1e6:>12,.1f}"
        f"  {f'(N, {classes})':<8} {find(name).doc}"
    )


def output_shape(name: str, **options: Any) -> tuple[int, ...]:
    """Shape of the logits of one image."""
    model = make_model(name, **{**options, "lowering": "library"})
    apply = functools.partial(model.apply, train=False)
    return jax.eval_shape(apply, shapes(name, **options), one_image()).shape


def layers(name: str, **options: Any) -> list[Layer]:
    """The modules with variables, in the order an image passes them.

    Raises: UserError: unknown network or option.
    """
    model = make_model(name, **{**options, "lowering": "library"})
    variables = shapes(name, **options)
    calls: dict[tuple[str, ...], list[tuple[str, tuple[int, ...]]]] = {}

    def note(next_fn: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        out = next_fn(*args, **kwargs)
        if context.method_name == "__call__":
            kind = type(context.module).__name__
            calls.setdefault(context.module.path, []).append((kind, out.shape[1:]))
        return out

    with nn.intercept_methods(note):
        jax.eval_shape(functools.partial(model.apply, train=False), variables, one_image())
    found = (_layer(path, seen, variables) for path, seen in calls.items())
    return [layer for layer in found if layer.parameters]


def _layer(path: tuple[str, ...], seen: list, variables: Any) -> Layer:
    kind, output = seen[0]
    own = {name: _leaves(variables.get(name, {}), path) for name in ("params", "batch_stats")}
    blocks = _blocks(kind, own["params"])
    sizes = {name: sum(map(math.prod, shapes)) for name, shapes in own.items()}
    # flax passes the body of a scan more than once; only outside one is a second call a second use
    calls = len(seen) if blocks == 1 else 1
    text = "/".join(path) or "(network)"
    return Layer(text, kind, output, sizes["params"], sizes["batch_stats"], blocks, calls)


def _leaves(tree: Any, path: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Shapes of the arrays that the module at `path` holds itself, kernels first."""
    for name in path:
        tree = tree.get(name, {})
    own = {name: leaf.shape for name, leaf in tree.items() if not isinstance(leaf, dict)}
    return [own[name] for name in sorted(own, key=lambda name: name != "kernel")]


def _blocks(kind: str, own: list[tuple[int, ...]]) -> int:
    plain = {Conv.__name__: 4, Dense.__name__: 2, BatchNorm.__name__: 1}.get(kind)
    return own[0][0] if own and plain and len(own[0]) > plain else 1


def layer_table(name: str, **options: Any) -> str:
    """One line a layer: module, output of one image, parameters, BN statistics; then the sums."""
    lines = [f"{'layer':<34}{'kind':<18}{'output':<16}{'parameters':>12}{'BN stats':>10}"]
    for layer in layers(name, **options):
        times = f" x{layer.blocks}" if layer.blocks > 1 else ""
        times += f" (used {layer.calls} times)" if layer.calls > 1 else ""
        size = "x".join(map(str, layer.output))
        lines.append(
            f"{layer.path:<34}{layer.kind:<18}{size:<16}{layer.parameters:>12,}"
            f"{layer.statistics:>10,}{times}"
        )
    found, spec = count(name, **options), find(name)
    knobs = ", ".join(f"{option}={value}" for option, value in {**spec.options, **options}.items())
    return "\n".join([
        f"{name}: {spec.doc}", f"options: {knobs or 'none'}", "", *lines, "",
        f"{found.parameters:,} parameters, {found.statistics:,} BatchNorm statistics, "
        f"{found.macs / 1e6:,.2f} million multiply-accumulates an image",
    ])  # fmt: skip
