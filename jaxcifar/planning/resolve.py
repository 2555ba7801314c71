"""What a config means: every name looked up in its table, every option owned by it."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxcifar import augment, data, losses, models, optim, schedules
from jaxcifar.config import SEEDS, Config, stages
from jaxcifar.core.errors import UserError, nearest, unknown
from jaxcifar.core.types import Program
from jaxcifar.optim import averaging


class Resolved(NamedTuple):
    """What a config means: its structure and its numbers, every option owned by its table."""

    program: Program
    numbers: Mapping[str, Any]  # the fields of Numbers, as Python numbers
    schedule: schedules.Schedule
    average: Mapping[str, float]  # options of the weights' average


def options_of(
    kind: str, name: str, table: Mapping[str, Any], given: Mapping[str, Any],
    inherited: Collection[str] = (),
) -> dict:  # fmt: skip
    """A component's options: those given, else the table's defaults.

    Those `inherited` from a stage before, whose component may have been another, are let be where
    this one does not take them.

    Raises: UserError: unknown component, or an option without effect on it.
    """
    if name not in table:
        raise unknown(kind, name, table)
    allowed = table[name].options
    given = {
        option: value for option, value in given.items()
        if value is not None and (option in allowed or option not in inherited)
    }  # fmt: skip
    for option, value in given.items():
        if option not in allowed:
            raise UserError(
                f"{kind}.{option}={value!r} has no effect on {name!r}{nearest(option, allowed)}\n"
                f"{name!r} takes: {', '.join(sorted(allowed)) or 'no options'}"
            )
    return dict(allowed) | given


def resolve(config: Config, own: Collection[str] | None = None) -> Resolved:
    """Look every component up in its table. Reads no data and touches no device.

    Args:
        config: of a run, or in force in a stage.
        own: the fields that the stage names itself: of the others, options that its components do
            not take are meant for a stage before it. None = all are meant for these components.

    Raises: UserError: unknown names, options without effect, values out of range.
    """
    let_be = {kind: _inherited(getattr(config, kind), kind, own)
              for kind in ("optim", "loss", "schedule", "data")}  # fmt: skip
    model = model_options(config.model.name, _given(config.model))
    traced = set(models.MODELS[config.model.name].traced)
    optim_given = {k: v for k, v in _given(config.optim).items()
                   if k not in ("lr", "clip", "accumulation", "decay")}  # fmt: skip
    loss_given = {k: v for k, v in _given(config.loss).items() if k != "l1"}
    schedule = options_of("schedule", config.schedule.name, schedules.SCHEDULES,
                          _given(config.schedule), let_be["schedule"])  # fmt: skip
    work, drawn = augment.resolve(config.data.augment, _given(config.data), let_be["data"])
    mean, std = data.NORMALISATIONS[config.data.normalisation]
    average = options_of("average", config.average.name, averaging.AVERAGES,
                         _given(config.average))  # fmt: skip
    program = Program(
        model=config.model.name,
        options=tuple(sorted((k, v) for k, v in model.items() if k not in traced)),
        optimizer=config.optim.name, accumulation=config.optim.accumulation,
        decay=config.optim.decay, loss=config.loss.name, average=config.average.name, augment=work,
        mean=tuple(mean), std=tuple(std), batch=config.train.batch_size, shared_batch=True,
        record=tuple(sorted(config.train.record)), dtype=config.dtype,
        lowering="", lane="", members=0, devices=config.devices.member or 0, segment=0,
        data=config.devices.data, batch_norm=config.devices.batch_norm or "synchronised",
    )  # fmt: skip
    numbers: dict[str, Any] = {
        "optim": options_of(
            "optim", config.optim.name, optim.OPTIMIZERS, optim_given, let_be["optim"]
        ),
        "loss": options_of("loss", config.loss.name, losses.LOSSES, loss_given, let_be["loss"]),
        "average": {name: average[name] for name in averaging.AVERAGES[config.average.name].traced},
        "model": {name: model[name] for name in sorted(traced & model.keys())},
        "augment": drawn,
        "l1": 0.0 if config.loss.l1 is None else config.loss.l1,
        "clip": np.inf if config.optim.clip is None else config.optim.clip,
    }
    optim.check(config.optim.name, numbers["optim"], config.optim.accumulation)
    seeds = {name: getattr(config, name) for name in SEEDS}
    numbers |= {name: config.seed if seed is None else seed for name, seed in seeds.items()}
    made = schedules.make_schedule(config.schedule.name, **schedule)
    return Resolved(program, numbers, made, average)


def resolve_stages(config: Config) -> tuple[Resolved, ...]:
    """`resolve` for every stage of a run.

    Raises: UserError: as `resolve` and `stages.unfold`, a stage with another network, or a
        schedule that does not fit into its epochs.
    """
    stretches = stages.unfold(config)
    rows: list[Resolved] = []
    for index, stage in enumerate(stretches):
        with stages.told_of(config, index):
            own = config.stages[index - 1].changes if index else None
            rows.append(resolve(stage.config, own))
            _require_room(rows[-1].schedule, stage.clock[1] - stage.clock[0])
    found = tuple(rows)
    for index, row in enumerate(found[1:]):
        for name in ("model", "options"):
            before, now = (getattr(r.program, name) for r in (found[0], row))
            if before != now:
                raise UserError(
                    f"stages.{index} cannot make another network: {now!r} after {before!r}\n"
                    "only dropout may change; weights of another run come by init_from"
                )
    return found


def _require_room(schedule: schedules.Schedule, epochs: int) -> None:
    for name in ("warmup", "swa_start"):
        value = schedule.options.get(name)
        if value is not None and value >= epochs:
            raise UserError(
                f"schedule.{name}={value!r} is beyond the schedule's {epochs} epochs\n"
                "give less of it, or train longer"
            )


def model_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A network's options; those that the others leave without effect are left out."""
    options = options_of("model", name, models.MODELS, given)
    models.make_model(name, **given)  # refuses values that the network cannot take
    for option, (other, value) in models.MODELS[name].needs.items():
        if options[other] != value:
            del options[option]
    return options


def _given(component: Any) -> dict[str, Any]:
    names = (name for name in component.__slots__ if name != "name")
    return {
        name: getattr(component, name) for name in names if getattr(component, name) is not None
    }


def _inherited(component: Any, kind: str, own: Collection[str] | None) -> set[str]:
    """Options of a component that a stage does not name itself."""
    if own is None:
        return set()
    return {name for name in component.__slots__ if f"{kind}.{name}" not in own}
