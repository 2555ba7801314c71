"""Times the lowerings of every convolution of the networks and rewrites the committed table.

    python -m jaxcifar.bench.tune_lowerings [--models vgg_a cnn] [--members 1 4] [--batch 128]

Each of a convolution's three computations is timed by itself, as training runs it: inside a loop of
a compiled program, float32. The figure is wall-clock time, the least of several rounds in which the
candidates take turns: what a lowering leaves to one core counts in full. The fastest of each pass
replaces what is used now where it is clearly faster; rows for other devices and cases stay as they
are. Run it on a quiet machine.
"""

import argparse
import functools
import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp

from jaxcifar import models
from jaxcifar.core import host_memory
from jaxcifar.models import convolution, counting
from jaxcifar.models.convolution import LOWERINGS, Geometry, Passes, choice, output_size, passes

TABLE = Path(choice.__file__).with_name("lowering.json")
MARGIN = 0.9
"""A candidate replaces a pass's lowering only if it needs less than this share of its time."""
WIDTHS = (1.0, 0.25)
BOTH = "gradients"
"""Winograd's two gradients share a transform: they are timed together too."""
Times = dict[str, dict[str, float]]
"""Name of a pass, or `BOTH` -> lowering -> milliseconds."""
Pair = tuple[str, str]
Run = Callable[[], object]


def cases_of(name: str, **options: Any) -> Iterator[convolution.Case]:
    """The distinct convolutions of a network, seen while its shapes are worked out."""
    seen: dict[convolution.Case, None] = {}

    def note(case: convolution.Case, wanted: str | None) -> str:
        seen[case] = None
        return "library"

    with mock.patch.object(convolution, "resolve", note):
        counting.shapes(name, **options)
    yield from seen


def candidates(case: convolution.Case) -> Iterator[Pair]:
    """What there is to time: the name of a pass (or `BOTH`) and a lowering."""
    for form in filter(functools.partial(worth_timing, case), LOWERINGS):
        # XLA's own are up to a hundred times slower on a CPU where that is no plain convolution.
        slow = form in ("library", "wider") and jax.default_backend() == "cpu"
        yield "forward", form
        if case.cin != choice.IMAGE and not (slow and case.stride * case.groups > 1):
            yield "input_gradient", form
        if not slow:
            yield "kernel_gradient", form
        if form == "winograd" and case.cin != choice.IMAGE:
            yield BOTH, form


def worth_timing(case: convolution.Case, form: str) -> bool:
    """Whether a lowering covers the case, and its own reason to be fast could hold."""
    if case.kernel == (1, 1) and form not in ("library", "wider", "matmul"):
        return False
    if form == "shifts" and case.size > 4:  # made for taps that mostly meet padding
        return False
    if form == "strips" and min(case.cin, case.cout) > 32:  # made to widen narrow products
        return False
    return case.fits(form)


def program(case: convolution.Case, which: str, form: str, batch: int, loops: int) -> Run:
    """Compiles one pass, or `BOTH`, of a lowering; the result runs `loops` rounds of it."""
    geometry = Geometry(case.stride, case.padding, case.groups)
    names = passes(form)
    if form == "winograd" and which != BOTH:  # one gradient alone, without the shared transform
        names = names._replace(**{other: "patches" for other in Passes._fields if other != which})
    conv = functools.partial(convolution.conv2d, **geometry._asdict(), lowering="/".join(names))

    def one(x: jax.Array, kernel: jax.Array, grad: jax.Array, last: list[jax.Array]) -> Any:
        # Each round needs the one before, which the loop carries whole.
        step = 1e-6 * sum((a[(0,) * a.ndim] for a in last), jnp.zeros(()))
        x, kernel, grad = x + step, kernel + step, grad + step
        y, pull = jax.vjp(conv, x, kernel)
        if which == "forward":
            return x, kernel, grad, [y]
        gradients = dict(zip(Passes._fields[1:], pull(grad), strict=True))
        return x, kernel, grad, [a for name, a in gradients.items() if which in (name, BOTH)]

    step = jax.vmap(one) if case.members > 1 else one
    lead = (case.members,) if case.members > 1 else ()
    key, side = jax.random.key(0), output_size(case.size, case.kernel[0], geometry)
    x = jax.random.normal(key, (*lead, batch, case.size, case.size, case.cin))
    grad = jax.random.normal(key, (*lead, batch, side, side, case.cout))
    shape = (*lead, *case.kernel, case.cin // case.groups, case.cout)
    kernel = jax.random.normal(key, shape) / (case.cin * case.kernel[0])
    last = jax.tree.map(lambda a: jnp.zeros(a.shape), jax.eval_shape(step, x, kernel, grad, [])[3])
    run = jax.jit(lambda n, *arrays: jax.lax.fori_loop(0, n, lambda _, a: step(*a), arrays))
    return lambda: jax.block_until_ready(run(jnp.int32(loops), x, kernel, grad, last))


def time_case(case: convolution.Case, batch: int, rounds: int, loops: int = 2) -> Times:
    """Milliseconds by the clock, least of `rounds`, of every candidate."""
    programs = {pair: program(case, *pair, batch, loops) for pair in candidates(case)}
    times: Times = {which: {} for which, _ in programs}
    for (which, form), ms in least(programs, rounds, loops).items():
        times[which][form] = ms
    if case.cin == choice.IMAGE:  # nobody asks for its gradient
        times["input_gradient"] = dict.fromkeys(times["kernel_gradient"], 0.0)
    return times


def least(runs: dict[Pair, Run], rounds: int, loops: int) -> dict[Pair, float]:
    """Milliseconds a loop, least of `rounds` in which all take turns; one round comes before."""
    best = dict.fromkeys(runs, math.inf)
    for number, (pair, run) in itertools.product(range(rounds + 1), runs.items()):
        began = time.perf_counter()
        run()
        if number:
            best[pair] = min(best[pair], 1e3 * (time.perf_counter() - began) / loops)
    return best


def pick(times: Times, used: str) -> str:
    """The fastest of each pass; what is used now stays where it is as good within `MARGIN`."""
    now = passes(used)._asdict()
    if now["input_gradient"] == now["kernel_gradient"]:
        now[BOTH] = now["kernel_gradient"]
    kept = {which: {form: ms * (MARGIN if now.get(which) == form else 1)
                    for form, ms in forms.items()} for which, forms in times.items()}  # fmt: skip
    every = [Passes(*names) for names in itertools.product(*(times[p] for p in Passes._fields))]
    best = min(every, key=lambda names: (cost(kept, names), len(set(names))))
    return best.forward if len(set(best)) == 1 else "/".join(best)


def cost(times: Times, names: Passes) -> float:
    """Milliseconds of the three passes; infinite where one was not timed."""
    forward, to_image, to_kernel = (
        times[which].get(form, math.inf) for which, form in names._asdict().items()
    )
    if names.input_gradient == names.kernel_gradient:
        shared = times.get(BOTH, {}).get(names.kernel_gradient)
        return forward + (to_image + to_kernel if shared is None else shared)
    return forward + to_image + to_kernel


def main(argv: Sequence[str] | None = None) -> None:
    """Times the cases, prints what was found, and rewrites the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["vgg_a", "cnn"], choices=models.MODELS)
    parser.add_argument("--members", nargs="+", type=int, default=[1])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args(argv)
    host_memory.keep_memory()  # as a run does
    device = convolution.device_key()
    cases: dict[convolution.Case, None] = {}
    for name in args.models:
        widths = WIDTHS if "width" in models.MODELS[name].options else (None,)
        for width in widths:
            options = {} if width is None else {"width": width}
            cases.update(dict.fromkeys(cases_of(name, **options)))
    for case in [case._replace(members=m) for case in cases for m in args.members]:
        times = time_case(case, args.batch, args.rounds)
        stored = json.loads(TABLE.read_text())
        chosen = pick(times, choice.choose(case, device, stored["table"]))
        stored["table"].setdefault(device, {})[case.key] = chosen
        TABLE.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
        print(f"{case.key}: {chosen}", flush=True)
        for which, forms in times.items():
            shown = ", ".join(f"{form} {ms:.1f}" for form, ms in sorted(forms.items()))
            print(f"  {which} (ms): {shown}", flush=True)


if __name__ == "__main__":
    main()
