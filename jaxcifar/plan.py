"""The planner: members whose compiled structure is the same become one group with one plan."""

import hashlib
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxcifar import augment, lanes, models, schedules
from jaxcifar.config import duration
from jaxcifar.errors import UserError
from jaxcifar.population import MemberRun
from jaxcifar.resolution import Resolved, resolve
from jaxcifar.types import Events, Numbers, Phase, Plan, Program

CPU_SECONDS = 5.0  # longest segment on a CPU, so that a signal is answered within it
CPU_MACS = 2e10  # multiply-accumulates a second that any CPU worth using reaches

# The fields of DataConfig that say which images; the others are the program's, or its numbers'.
WHICH_IMAGES = ("name", "dir", "validation", "split_seed", "n_train", "n_test")


class Hardware(NamedTuple):
    """What a run's bits depend on besides its plan."""

    backend: str
    device_kind: str
    devices: int
    cores: int


def hardware() -> Hardware:
    """The devices and usable cores of this process."""
    devices = jax.local_devices()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Hardware(jax.default_backend(), devices[0].device_kind, len(devices), cores or 1)


def group(members: Sequence[MemberRun]) -> list[tuple[MemberRun, ...]]:
    """Members that one compiled program can train together, in the order they first appear."""
    groups: dict[Any, list[MemberRun]] = {}
    for member in members:
        config = member.config
        images = tuple(getattr(config.data, name) for name in WHICH_IMAGES)
        structure = (
            resolve(config).program, images, config.train.epochs, config.eval,
            config.checkpoint, config.select_on,
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

    Raises: UserError: spans of training that do not fit the run.
    """
    config = members[0].config
    resolved = [resolve(member.config) for member in members]
    visits = n_train * augment.copies(resolved[0].program.augment)
    steps_per_epoch = -(-visits // config.train.batch_size)
    n_step = config.train.epochs * steps_per_epoch
    program = _population_program(resolved, steps_per_epoch, machine)
    kinds = tuple(row.schedule for row in resolved)
    lr0 = np.array([member.config.optim.lr for member in members])
    events = Events(
        evaluate=_due(config.eval.every, steps_per_epoch, n_step),
        save=_due(config.checkpoint.save_every, steps_per_epoch, n_step),
        keep=_due(config.checkpoint.keep_every, steps_per_epoch, n_step),
    )
    if any(kind.feedback for kind in kinds):
        _require_epoch_ends(events.evaluate, steps_per_epoch, n_step, config.eval.every)
    return Plan(
        id=group_id(members),
        members=tuple(member.id for member in members),
        phases=(
            Phase(
                program, _stack(resolved), start=0, stop=n_step, epoch=0, visits=visits,
                rates=partial(_rates, kinds, lr0, steps_per_epoch, config.train.epochs),
                plateau=schedules.plateau_init(lr0),
                plateau_step=partial(schedules.observe, kinds),
            ),
        ),
        events=events,
        n_train=n_train,
        score_batch=config.eval.batch_size,
    )  # fmt: skip


def _rates(
    kinds: Any, lr0: np.ndarray, steps_per_epoch: int, epochs: int, plateau: Any, steps: np.ndarray
) -> np.ndarray:
    clock = schedules.Clock(steps, steps_per_epoch, epochs)
    return schedules.rates(kinds, lr0, clock, plateau)


def _population_program(
    resolved: Sequence[Resolved], steps_per_epoch: int, machine: Hardware
) -> Program:
    m = len(resolved)
    streams = {
        (row["order_seed"], row["augment_seed"], tuple(row["augment"].items()))
        for row in (each.numbers for each in resolved)
    }
    devices = max(d for d in range(1, machine.devices + 1) if m % d == 0)
    program = resolved[0].program._replace(
        shared_batch=len(streams) == 1,
        lowering=lowering_on(machine.backend),
        members=m,
        devices=devices,
    )
    lane = lanes.choose(program, machine.backend, machine.device_kind)
    longest = steps_per_epoch
    if machine.backend == "cpu":
        macs = 3 * models.macs(program.model, **dict(program.options)) * program.batch * m
        longest = int(np.clip(CPU_SECONDS * CPU_MACS / macs, 1, steps_per_epoch))
    return program._replace(lane=lane, segment=longest)


def lowering_on(backend: str) -> str:
    """Which column of the convolution table serves a backend; off the CPU, the library's own."""
    return "cpu/cpu" if backend == "cpu" else "library"


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


def _due(text: str | None, steps_per_epoch: int, n_step: int) -> tuple[int, ...]:
    """Steps at which something is due every so often, and at the end; none if not asked for."""
    if text is None:
        return ()
    amount, unit = duration(text)
    span = amount * steps_per_epoch if unit == "epochs" else amount
    if span < 1:
        raise UserError(
            f"'{text}' is less than one step\nan epoch has {steps_per_epoch} steps here"
        )
    every = {round(count * span) for count in range(1, int(n_step / span) + 1)}
    return tuple(sorted({step for step in every if step <= n_step} | {n_step}))


def _require_epoch_ends(
    evaluate: tuple[int, ...], steps_per_epoch: int, n_step: int, every: str
) -> None:
    missing = set(range(steps_per_epoch, n_step + 1, steps_per_epoch)) - set(evaluate)
    if missing:
        raise UserError(
            f"plateau follows the validation loss of every epoch, but eval.every={every!r} "
            f"skips step {min(missing)}\ngive --config.eval.every='1 epoch' or a fraction of it"
        )
