"""The planner: members whose compiled structure is the same become one group with one plan."""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from jaxcifar import augment, schedules
from jaxcifar.config import Config, stages
from jaxcifar.config.population import MemberRun
from jaxcifar.config.stages import Stretch
from jaxcifar.core.errors import UserError
from jaxcifar.core.hardware import Hardware
from jaxcifar.core.types import Numbers, Phase, Plan, Program
from jaxcifar.planning import batches, lanes, layout, rates, speed, timetable
from jaxcifar.planning.lanes import lowering_on
from jaxcifar.planning.resolve import Resolved, resolve, resolve_stages

MOST_STEPS = 2_000_000  # every one has its records, in every checkpoint
CPU_SECONDS = 5.0  # longest segment on a CPU, so that a signal is answered within it
CPU_MACS = 2e10  # multiply-accumulates a second that any CPU worth using reaches


def group(members: Sequence[MemberRun]) -> list[tuple[MemberRun, ...]]:
    """Members that one compiled program can train together, in the order they first appear."""
    groups: dict[Any, list[MemberRun]] = {}
    for member in members:
        config, resolved = member.config, resolve_stages(member.config)
        images = tuple(getattr(config.data, name) for name in stages.IMAGES)
        structure = (
            tuple(row.program for row in resolved),
            tuple(stage[1:] for stage in stages.unfold(config)), images, config.eval,
            config.probe, config.checkpoint, config.select, config.select_on,
            _mean_from(config, resolved[0]),
        )  # fmt: skip
        groups.setdefault(structure, []).append(member)
    return [tuple(rows) for rows in groups.values()]


def group_id(members: Sequence[MemberRun]) -> str:
    """A readable, unique folder name: the network and a hash of the members' identities."""
    program = resolve(members[0].config).program
    words = [program.model, *(str(v) for k, v in program.options if k in ("norm",))]
    digest = hashlib.sha256("".join(m.identity for m in members).encode()).hexdigest()
    return f"{'-'.join(words)}-{digest[:8]}"


def make_plan(members: Sequence[MemberRun], n_train: int, machine: Hardware) -> Plan:
    """The plan of one group.

    Args:
        members: of one group, see `group`.
        n_train: training images, after the validation part was taken away.
        machine: what it will run on; decides lane, lowering and the longest segment.

    Raises: UserError: spans of training that do not fit the run, a schedule without a usable rate,
        a batch that BatchNorm has no statistics of, a mesh that the devices cannot be.
    """
    config = members[0].config
    stretches = list(zip(*(stages.unfold(member.config) for member in members), strict=True))
    resolved = list(zip(*(resolve_stages(member.config) for member in members), strict=True))
    phases: list[Phase] = []
    for rows, meanings in zip(stretches, resolved, strict=True):
        start = phases[-1].stop if phases else 0
        phases.append(_phase(rows, meanings, start, n_train, machine))
        batches.require_statistics(phases[-1])
    _require_countable(phases[-1].stop)
    rates.require_learning([member.id for member in members], phases, resolved)
    events = timetable.events(config, phases, _mean_from(config, resolved[0][0]))
    for phase, meanings in zip(phases, resolved, strict=True):
        if any(row.schedule.feedback for row in meanings):
            timetable.require_epoch_ends(events, phase, config.eval.every)
    return Plan(
        id=group_id(members),
        members=tuple(member.id for member in members),
        phases=tuple(phases),
        events=events,
        n_train=n_train,
        score_batch=config.eval.batch_size,
        histograms=config.eval.histograms,
        probe_sizes=config.probe.sizes if events.probe else (),
    )


def _require_countable(steps: int) -> None:
    if steps > MOST_STEPS:
        raise UserError(
            f"a run of {steps:,} steps is longer than can be kept account of\n"
            f"allowed: up to {MOST_STEPS:,}; lower --config.train.epochs, or take larger batches"
        )


def _mean_from(config: Config, resolved: Resolved) -> int | None:
    """The epoch whose end is the first in the plain mean of the weights, if there is one."""
    start = resolved.average.get("start")
    return None if start is None else stages.epoch_at(start, config.train.epochs)


def _phase(
    rows: Sequence[Stretch], resolved: Sequence[Resolved], start: int, n_train: int,
    machine: Hardware,
) -> Phase:  # fmt: skip
    """One stage of all members; where the schedule goes on, so does what plateau remembers."""
    first, stop, clock = rows[0].first, rows[0].stop, rows[0].clock
    visits = n_train * augment.copies(resolved[0].program.augment)
    steps_per_epoch = -(-visits // rows[0].config.train.batch_size)
    kinds = tuple(row.schedule for row in resolved)
    lr0 = np.array([row.config.optim.lr for row in rows])
    rates.require_room(kinds, steps_per_epoch, clock[1] - clock[0])
    return Phase(
        program=_population_program(resolved, steps_per_epoch, machine),
        numbers=_stack(resolved),
        start=start,
        stop=start + (stop - first) * steps_per_epoch,
        epoch=first,
        visits=visits,
        rates=partial(
            rates.at_steps, kinds, lr0, steps_per_epoch, clock[1] - clock[0],
            (first - clock[0]) * steps_per_epoch - start,
        ),
        plateau=schedules.plateau_init(lr0) if first == clock[0] else None,
        plateau_step=partial(schedules.observe, kinds),
    )  # fmt: skip


def _population_program(
    resolved: Sequence[Resolved], steps_per_epoch: int, machine: Hardware
) -> Program:
    m = len(resolved)
    streams = {
        (row["order_seed"], row["augment_seed"], tuple(row["augment"].items()))
        for row in (each.numbers for each in resolved)
    }
    program = layout.lay_out(resolved[0].program, m, machine)._replace(
        shared_batch=len(streams) == 1, lowering=lowering_on(machine.backend)
    )
    lane = lanes.choose(program, machine.backend, machine.device_kind)
    longest = steps_per_epoch
    if machine.backend == "cpu":
        macs = speed.STEP_COST * speed.macs(program) * program.batch * m
        longest = int(np.clip(CPU_SECONDS * CPU_MACS / macs, 1, steps_per_epoch))
    return program._replace(lane=lane, segment=longest)


def _stack(resolved: Sequence[Resolved]) -> Numbers:
    """Rows of numbers as (M,) arrays: float32, and int32 for seeds."""
    rows = [row.numbers for row in resolved]

    def column(kind: str) -> Any:
        if isinstance(rows[0][kind], dict):
            return {
                name: np.array([row[kind][name] for row in rows], np.float32)
                for name in rows[0][kind]
            }
        dtype = np.int32 if kind.endswith("seed") else np.float32
        return np.array([row[kind] for row in rows], dtype)

    return Numbers(**{kind: column(kind) for kind in Numbers._fields})
