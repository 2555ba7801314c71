"""What a study would train, compile, cost and need, in words: ``--dry-run``."""

from collections import Counter
from typing import NamedTuple

from jaxcifar import models
from jaxcifar.config.population import MemberRun
from jaxcifar.core import hardware
from jaxcifar.core.hardware import Hardware
from jaxcifar.core.types import Phase, Plan, Program
from jaxcifar.core.wording import plural
from jaxcifar.planning import lanes, speed
from jaxcifar.planning.fit import GIB, images_of, needed
from jaxcifar.planning.group import Group
from jaxcifar.planning.memory import Memory
from jaxcifar.planning.prepare import Prepared
from jaxcifar.planning.speed import Rate
from jaxcifar.records import formats

SHORT = 8  # an identity's digits that are shown
SAID = {"average": "their average", "best": "best weights", "saved": "a checkpoint",
        "step": "a step"}  # fmt: skip

LOOKS = {"probe": "to look along gradients", "shift": "at shifts of gradients",
         "activations": "at activations"}  # fmt: skip
"""What training may look at before a step, as fields of `Events`, in words."""


class Estimate(NamedTuple):
    """What a group still costs."""

    taken: int  # steps that its records hold already
    memory: Memory
    rate: Rate
    seconds: float
    programs: frozenset  # large ones that are compiled, see `programs_of`


def describe(prepared: Prepared) -> str:
    """A study that was checked: its device, its groups with their members, and the totals.

    Times are estimates for people, memory is estimated without compiling; see `speed`, `memory`.
    """
    limit, machine = hardware.limit(), prepared.machine
    estimates = {group.path: estimate(group, machine)
                 for group in prepared.groups if not group.finished}  # fmt: skip
    cores = f", {machine.cores} cores" if machine.backend == "cpu" else ""
    devices = f"{machine.devices} x " if machine.devices > 1 else ""
    head = [
        f"run folder {prepared.workdir}",
        f"device     {devices}{machine.backend} ({machine.device_kind}){cores}, "
        f"{_gib(limit)} of memory",
    ]
    groups = [_group(group, estimates.get(group.path), limit) for group in prepared.groups]
    return "\n".join([*head, *groups, "", _totals(prepared, list(estimates.values()))])


def estimate(group: Group, machine: Hardware) -> Estimate:
    """What is left of a group that is not finished."""
    program = group.plan.phases[0].program
    rows = formats.read_lines(group.path / "metrics.jsonl")
    taken = rows[-1]["step"] if rows else 0
    rate = speed.rate_of(program, machine)
    select_on = group.members[0].config.select_on
    return Estimate(
        taken=taken,
        memory=needed(group, machine),
        rate=rate,
        seconds=speed.work(group.plan, images_of(group).scored, taken) / rate.macs,
        programs=programs_of(group.plan, select_on.endswith("_augmented")),
    )


def programs_of(plan: Plan, augmented: bool = False) -> frozenset[tuple[str, Program]]:
    """The programs of a plan that take long to compile: what trains, probes and scores.

    An epoch's short last batch is a program of its own, and so are evaluations on augmented images;
    the test set is scored by the program of those on images as they are.
    """
    evaluates = "score augmented" if augmented else "score"
    found = {(evaluates, phase.program) for phase in plan.phases}
    for phase in plan.phases:
        full, short = divmod(phase.visits, phase.program.batch)
        if full:
            found.add(("train", phase.program))
        if short:
            found.add(("train", phase.program._replace(batch=short, segment=1)))
        for kind in LOOKS:
            looks = getattr(plan.events, kind)
            steps = (step for step in looks if phase.start <= step < phase.stop)
            found |= {(kind, phase.batch_after(step)[0]) for step in steps}
    return frozenset(found | {("score", plan.phases[-1].program)})


def _group(group: Group, found: Estimate | None, limit: int) -> str:
    plan, program = group.plan, group.plan.phases[0].program
    how = lanes.SAID[program.lane]
    count = plural(len(plan.members), "member") + (f" {how}" if len(plan.members) > 1 else "")
    lines = [
        "",
        f"group {group.path.name}: {count}, {plan.n_step:,} steps of {program.batch} images",
    ]
    if found is None:
        lines.append("  finished   nothing is left to do")
    lines += [
        f"  network    {_network(program)}",
        f"  lowering   convolutions {program.lowering}, segments of up to "
        f"{plural(program.segment, 'step')}",
        *(f"  then       {_stage(phase)}" for phase in plan.phases[1:]),
    ]
    if found is not None:
        lines += _costs(program, found, limit)
    return "\n".join([*lines, *_members(group.members)])


def _costs(program: Program, found: Estimate, limit: int) -> list[str]:
    sizes = found.memory._asdict()
    parts = ", ".join(
        f"{SAID.get(name, name)} {_gib(sizes[name])}" for name in sizes if sizes[name]
    )
    lines = [f"  memory     about {_gib(found.memory.total)} ({parts})"]
    if found.memory.total > limit:
        lines.append(
            f"             DOES NOT FIT into the device's {_gib(limit)}: "
            "take smaller batches or fewer members at a time"
        )
    per_image = speed.STEP_COST * speed.macs(program)
    begun = f" from about step {found.taken:,}" if found.taken else ""
    return [
        *lines,
        f"  time       about {_span(found.seconds)}{begun}, at "
        f"{found.rate.macs / per_image:,.0f} images/s ({found.rate.source})",
        f"  compiles   {_compiles(found.programs)}",
    ]


def _network(program: Program) -> str:
    options = dict(program.options)
    knobs = "".join(f" {name}={value}" for name, value in options.items())
    parameters = models.count_parameters(program.model, **options)
    return (
        f"{program.model}{knobs}: {parameters:,} parameters, "
        f"{speed.macs(program) / 1e6:,.1f} M multiply-accumulates an image"
    )


def _stage(phase: Phase) -> str:
    names = ", ".join(name for name, _ in phase.program.augment) or "nothing"
    return (
        f"from epoch {phase.epoch}, step {phase.start}: {phase.program.optimizer}, "
        f"batches of {phase.program.batch}, augmented by {names}"
    )


def _members(members: tuple[MemberRun, ...]) -> list[str]:
    width = max(len(member.id) for member in members)
    return [
        f"    {member.id:<{width}}  seed {member.seed}  {member.identity[:SHORT]}  "
        + (", ".join(f"{path}={value}" for path, value in member.overrides.items()) or "base")
        for member in members
    ]


def _totals(prepared: Prepared, found: list[Estimate]) -> str:
    members = plural(len(prepared.runs), "member")
    head = f"in all: {members} in {plural(len(prepared.groups), 'group')}"
    if not found:
        return f"{head}, all finished"
    steps = sum(group.plan.n_step for group in prepared.groups if not group.finished)
    left = steps - sum(each.taken for each in found)
    compiled = frozenset[tuple[str, Program]]().union(*(each.programs for each in found))
    largest = max(each.memory.total for each in found)
    return (
        f"{head}; left to do: {left:,} steps in about "
        f"{_span(sum(each.seconds for each in found))}, besides compiling "
        f"{_compiles(compiled)}; at most {_gib(largest)} at a time"
    )


def _compiles(programs: frozenset) -> str:
    count = Counter(kind for kind, _ in programs)
    score = count["score"] + count["score augmented"]
    looks = "".join(f", {count[kind]} {what}" for kind, what in LOOKS.items() if count[kind])
    return (
        f"{plural(len(programs), 'program')} ({count['train']} to train, {score} to score{looks})"
    )


def _gib(size: float) -> str:
    return f"{size / GIB:.3g} GiB" if size >= GIB else f"{size / 2**20:.3g} MiB"


def _span(seconds: float) -> str:
    """Seconds in words: ``40 s``, ``12 min``, ``3.5 h``, ``2.1 days``."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{max(seconds, 1):.0f} s"
