"""Times every lowering of every convolution of the networks and rewrites the committed table.

    python scripts/tune_lowering.py [--models vgg_a cnn] [--members 1 4] [--batch 128]

A case is timed as training runs it: forward and both gradients (of an image, with its three
channels, only the kernel's), inside a loop of a compiled program, batch 128, float32. The figure is
wall-clock time, the least of several rounds in which the candidates take turns: what a lowering
leaves to one core counts in full. Rows for other devices and cases stay as they are. Run it on a
quiet machine.
"""

import argparse
import functools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp

from jaxcifar import models
from jaxcifar.models import convolution, counting, lowering
from jaxcifar.models.forms import LOWERINGS

TABLE = Path(lowering.__file__).with_name("lowering.json")
MARGIN = 0.97
"""A candidate replaces the default rule's choice only if it needs less than this share of it."""
FORMS = [form for form in LOWERINGS if form != "library"]
WIDTHS = (1.0, 0.25)


def cases_of(name: str, **options: object) -> Iterator[lowering.Case]:
    """The distinct convolutions of a network, seen while its shapes are worked out."""
    seen: dict[lowering.Case, None] = {}

    def note(case: lowering.Case, wanted: str | None) -> str:
        seen[case] = None
        return "library"

    with mock.patch.object(lowering, "resolve", note):
        counting.shapes(name, **options)
    yield from seen


def program(case: lowering.Case, form: str, batch: int, loops: int) -> Callable[[], None]:
    """Compiles the case under one lowering; calling the result runs `loops` rounds of it."""
    conv = functools.partial(
        convolution.conv2d,
        stride=case.stride,
        padding=case.padding,
        groups=case.groups,
        lowering=form,
    )

    def one(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, pull = jax.vjp(conv, x, kernel)
        grads = pull(y)
        seen = y.mean() if case.cin == lowering.IMAGE else grads[0]
        return x + 1e-6 * seen, kernel - 1e-6 * grads[1]

    step = jax.vmap(one) if case.members > 1 else one
    lead = (case.members,) if case.members > 1 else ()
    key = jax.random.key(0)
    x = jax.random.normal(key, (*lead, batch, case.size, case.size, case.cin))
    shape = (*lead, *case.kernel, case.cin // case.groups, case.cout)
    kernel = jax.random.normal(key, shape) / (case.cin * case.kernel[0])
    body = lambda _, arrays: step(*arrays)  # noqa: E731
    run = jax.jit(lambda n, *arrays: jax.lax.fori_loop(0, n, body, arrays))
    return lambda: jax.block_until_ready(run(jnp.int32(loops), x, kernel))


def time_case(case: lowering.Case, batch: int, rounds: int, loops: int = 2) -> dict[str, float]:
    """Milliseconds by the clock, least of `rounds`: every lowering that covers the case."""
    mixed = [lowering.MIXED] if case.stride == 1 else []  # else its backward pass is slow
    forms = [form for form in (*FORMS, *mixed) if case.fits(form)]
    if case.kernel[0] * case.kernel[1] > 9 and "shifts" in forms:
        forms.remove("shifts")
    programs = {form: program(case, form, batch, loops) for form in forms}
    best = dict.fromkeys(forms, float("inf"))
    for run in programs.values():
        run()
    for _ in range(rounds):
        for form, run in programs.items():
            start = time.perf_counter()
            run()
            best[form] = min(best[form], time.perf_counter() - start)
    return {form: 1e3 * seconds / loops for form, seconds in best.items()}


def pick(case: lowering.Case, times: dict[str, float], backend: str) -> str:
    """The fastest, unless the default rule's choice is as good within `MARGIN`."""
    usual = lowering.default_rule(case, backend)
    fastest = min(times, key=times.__getitem__)
    return usual if times[fastest] > MARGIN * times.get(usual, float("inf")) else fastest


def main(argv: Sequence[str] | None = None) -> None:
    """Times the cases, prints what was found, and rewrites the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["vgg_a", "cnn"], choices=models.MODELS)
    parser.add_argument("--members", nargs="+", type=int, default=[1])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args(argv)
    device = lowering.device_key()
    cases: dict[lowering.Case, None] = {}
    for name in args.models:
        widths = WIDTHS if "width" in models.MODELS[name].options else (None,)
        for width in widths:
            options = {} if width is None else {"width": width}
            cases.update(dict.fromkeys(cases_of(name, **options)))
    for case in [case._replace(members=m) for case in cases for m in args.members]:
        times = time_case(case, args.batch, args.rounds)
        stored = json.loads(TABLE.read_text())
        stored["table"].setdefault(device, {})[case.key] = pick(case, times, device.split("/")[0])
        TABLE.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
        shown = ", ".join(f"{form} {ms:.1f}" for form, ms in sorted(times.items()))
        print(f"{case.key}: {stored['table'][device][case.key]} (ms: {shown})", flush=True)


if __name__ == "__main__":
    main()
