"""The table of optimizers, and what a training step does with one."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import optax

from jaxcifar.core.errors import UserError, unknown
from jaxcifar.optim import rules
from jaxcifar.optim.gradient import Carried

Tree = Any


def _params_are_evaluated(opt_state: Tree, params: Tree) -> Tree:
    del opt_state
    return params


class OptimizerRow(NamedTuple):
    """How an optimizer is built and what it may be told.

    `options` are the numbers with their defaults; each may be a traced scalar, and those named in
    `positive` must not be 0. `build` takes them but for `weight_decay`, in place of which comes the
    link `decay` (`rules.decayed`). `eval_params` gives the parameters to evaluate from (opt_state,
    params), of one member or a population. `looks_ahead` says that it calls ``grad_fn``.
    """

    build: Callable[..., optax.GradientTransformation]
    options: Mapping[str, float]
    eval_params: Callable[[Tree, Tree], Tree] = _params_are_evaluated
    positive: tuple[str, ...] = ()
    looks_ahead: bool = False


def _schedule_free(build: Callable[..., Any], options: Mapping[str, float]) -> OptimizerRow:
    return OptimizerRow(build, options, rules.schedule_free_average, positive=("b1",))


# To add one: a chain in rules.py that ends before the learning rate, and a row here. Defaults are
# PyTorch's where it has the rule, else its authors'.
_BETAS = {"b1": 0.9, "b2": 0.999}
OPTIMIZERS: Mapping[str, OptimizerRow] = {
    "sgd": OptimizerRow(rules.sgd, {"weight_decay": 0.0, "momentum": 0.0}),
    "sgd_nesterov": OptimizerRow(
        partial(rules.sgd, nesterov=True), {"weight_decay": 0.0, "momentum": 0.9}
    ),
    "sign_sgd": OptimizerRow(rules.sign_sgd, {"weight_decay": 0.0, "momentum": 0.9}),
    "adam": OptimizerRow(rules.adam, {"weight_decay": 0.0} | _BETAS),
    "adamw": OptimizerRow(rules.adamw, {"weight_decay": 0.01} | _BETAS),
    "lion": OptimizerRow(rules.lion, {"weight_decay": 0.0, "b1": 0.9, "b2": 0.99}),
    "muon": OptimizerRow(rules.muon, {"weight_decay": 0.1, "momentum": 0.95} | _BETAS),
    "schedule_free_sgd": _schedule_free(rules.schedule_free_sgd, {"weight_decay": 0.0, "b1": 0.9}),
    "schedule_free_adamw": _schedule_free(
        rules.schedule_free_adamw, {"weight_decay": 0.0} | _BETAS
    ),
    "sam": OptimizerRow(
        rules.sam, {"weight_decay": 0.0, "momentum": 0.9, "rho": 0.05}, looks_ahead=True
    ),
}


def make_optimizer(
    name: str, *, decay: str = "all", **numbers: Any
) -> optax.GradientTransformationExtraArgs:
    """The chain from (clipped) gradients to the direction before the learning rate.

    ``params -= lr * direction`` (`apply_direction`) completes the step. Update rules are
    PyTorch's where it has them: sgd and adam couple the decay (``g + weight_decay * w``), adamw,
    lion and muon decouple it (``w *= 1 - lr * weight_decay``). Clipping comes before all of this:
    wrap the chain by one of `ACCUMULATIONS`.

    Numbers may be traced scalars: call this where they are in scope, inside jit and vmap. Its
    `update` takes the extra arguments ``value=``, ``learning_rate=`` (schedule-free rules weigh
    by it) and ``grad_fn=`` (params, *) -> gradients (sam calls it); the others ignore them.

    Args:
        name: a row of `OPTIMIZERS`.
        decay: which weights `weight_decay` is for: "all", or "kernels" (no bias, no parameter of
            BatchNorm, no learned slope).
        **numbers: options of that row; what is not given has the row's default.

    Raises:
        UserError: unknown name or option.
    """
    row = _row(name)
    if decay not in rules.DECAYS:
        raise unknown("optim.decay", decay, rules.DECAYS)
    for option in numbers:
        if option not in row.options:
            raise UserError(
                f"optimizer {name!r} has no option {option!r}\n"
                f"it takes: {', '.join(sorted(row.options))}"
            )
    given = {**row.options, **numbers}
    if "weight_decay" in given:
        given["decay"] = rules.decayed(given.pop("weight_decay"), decay)
    return optax.with_extra_args_support(row.build(**given))


def check(name: str, numbers: Mapping[str, float], accumulation: str) -> None:
    """Refuse what an optimizer cannot do.

    Raises:
        UserError: a number that must be positive is 0; a carried gradient where there are two.
    """
    row = _row(name)
    for option in row.positive:
        if numbers[option] <= 0:
            raise UserError(f"optim.{option}={numbers[option]!r} stops {name!r}\nallowed: above 0")
    if row.looks_ahead and accumulation != "reset":
        raise UserError(
            f"optim.accumulation={accumulation!r} is not defined for {name!r}, whose gradients "
            "belong to two points\ngive --config.optim.accumulation=reset"
        )


def eval_params(name: str, opt_state: Tree, params: Tree) -> Tree:
    """The parameters to evaluate: `params` itself, unless the optimizer keeps an average.

    Raises:
        UserError: unknown name.
    """
    opt_state = opt_state.rule if isinstance(opt_state, Carried) else opt_state
    return _row(name).eval_params(opt_state, params)


def apply_direction(params: Tree, direction: Tree, lr: Any) -> Tree:
    """``params - lr * direction``, leaf by leaf in the parameters' dtype; lr may be traced."""
    return jax.tree.map(lambda w, d: (w - lr * d).astype(w.dtype), params, direction)


def _row(name: str) -> OptimizerRow:
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]
