"""The tables of a report."""

import re
from typing import Any

import numpy as np

from jaxcifar.core.wording import DASH, known, number, percent
from jaxcifar.figures.curves import SPLITS
from jaxcifar.records import bands
from jaxcifar.report.blocks import Code, Column, Facts, Table, short
from jaxcifar.report.run_records import Images, Json, Run, images, setting
from jaxcifar.report.statistics import Spread, band_numbers, spread

PATHS = re.compile(r"(--(?:config\.data\.dir|data|workdir|runs|records|out)[= ])\S+")
THRESHOLDS = (0.5, 0.7, 0.75, 0.8)


def split_name(run: Run) -> str:
    """The split that chose the best epoch, in the words of the figures."""
    return " / ".join(SPLITS.get(name, name) for name in run.settings("select_on") or ["?"])


def weights_name(run: Run, kind: str) -> str:
    """``best weights``; says it where they were chosen on anything but clean validation images."""
    if kind in ("swa", "ema"):
        return f"averaged weights ({kind.upper()})"
    odd = [SPLITS.get(name, name) for name in run.settings("select_on") if name != "validation"]
    chosen = f", chosen on the {' / '.join(odd)}" if kind == "best" and odd else ""
    return f"{kind} weights{chosen}"


def setup(run: Run) -> Facts:
    """What was run, on which data, where and with what."""
    variant, data = run.config.get("variant"), run.config["data"]
    rows = [
        ("Study", f"{run.config['study']}, variant {variant}" if variant else run.config["study"]),
        ("Data", data["label"]),
        ("Data source", Code(data["source"])),
        ("Data fingerprint (SHA-256)", Code(data["fingerprint"])),
        ("Training images", _both(run, _train_images)),
        ("Test images", _both(run, lambda sizes: number(sizes.test))),
        ("Epochs", _settings(run, "train.epochs")),
        ("Batch size", _settings(run, "train.batch_size")),
        ("Seeds per member", str(run.config.get("seeds", 1))),
        *_stages(run),
        ("Weights reported", f"{run.leading}; best = highest accuracy on: {split_name(run)}"),
        *_machine(run),
        ("Command", Code(run.environment.get("command") or DASH)),
        ("Training time", _seconds(run)),
    ]
    return Facts(tuple(rows))


def public_setup(run: Run) -> list[tuple[str, str]]:
    """The rows of `setup` without the places of the machine that ran it."""
    return [
        (name, Code(PATHS.sub(r"\1...", value)) if name == "Command" else value)
        for name, value in setup(run).rows
        if name != "Data source"
    ]


def _stages(run: Run) -> list[tuple[str, str]]:
    """Weights of another run, stages after the first, and averages, where there are any."""
    later = [
        f"from {short(at)} of the epochs: "
        f"{', '.join(f'{path}={short(value)}' for path, value in changes.items()) or 'no change'}"
        for stages in run.settings("stages") for at, changes in stages
    ]  # fmt: skip
    averages = [name.upper() for name in run.settings("average.name") if name != "none"]
    rows = [
        ("First weights", ", ".join(text.partition("@")[0] for text in run.settings("init_from"))),
        ("Later stages", "; ".join(dict.fromkeys(later))),
        ("Averages", ", ".join(averages)),
    ]
    return [row for row in rows if row[1]]


def _machine(run: Run) -> list[tuple[str, str]]:
    env = run.environment
    versions = [f"{name} {value}" for name, value in env.get("versions", {}).items() if value]
    device = f"{env.get('devices', 1)} \u00d7 {env.get('device_kind', DASH)} ({env.get('backend')})"
    groups = [
        f"{name}: lane {group.get('lane')}, convolutions {group.get('lowering')}"
        for name, group in env.get("groups", {}).items()
    ]
    return [
        ("Device", device if "backend" in env else DASH),
        ("CPU cores", str(env.get("cores", DASH))),
        ("Compiled groups", "; ".join(groups) or DASH),
        ("Commit", Code(env.get("commit") or DASH)),
        ("Python", str(env.get("python", DASH))),
        ("Versions", ", ".join(versions) or DASH),
    ]


def _settings(run: Run, path: str) -> str:
    return ", ".join(map(short, run.settings(path))) or DASH


def _train_images(sizes: Images) -> str:
    text = f"{sizes.train:,}"
    return f"{text} (and {sizes.validation:,} set aside for validation)" if sizes[1] else text


def _both(run: Run, say: Any) -> str:
    found = [sizes for entry in run.entries if (sizes := images(entry["config"]))]
    return " / ".join(dict.fromkeys(map(say, found))) or DASH


def _seconds(run: Run) -> str:
    if not run.seconds:
        return DASH
    each = ", ".join(f"{name} {number(value, 1)}" for name, value in run.seconds.items())
    return f"{number(sum(run.seconds.values()), 1)} s ({each})"


def members(run: Run) -> Table:
    """One row a member: what it changes, what it reached, what it cost."""
    test = [f"Test accuracy, {weights_name(run, kind)} (%)" for kind in run.kinds]
    columns = (
        Column("Member", numeric=False),
        Column("Changes", numeric=False, in_terminal=False),
        Column("Parameters"),
        Column("Best epoch"),
        Column(f"Selection accuracy, {split_name(run)} (%)"),
        *map(Column, test),
        Column("Final training loss (nats)"),
        Column("Seconds"),
        Column("Images/s"),
        Column("Note", numeric=False),
    )
    rows = [_member(run, entry) for entry in run.entries]
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(columns, tuple(rows))


def _member(run: Run, entry: Json) -> tuple[str, ...]:
    name, row = entry["id"], run.summary.get(entry["id"], {})
    changes = [f"{path}={short(value)}" for path, value in entry["overrides"].items()]
    if run.config.get("seeds", 1) > 1:
        changes.append(f"seed={entry['seed']}")
    best = row.get("best_epoch")
    return (
        Code(name),
        Code(", ".join(changes) or DASH),
        number(row.get("parameters")),
        f"{best:g}" if known(best) else DASH,
        percent(setting(row, "validation.accuracy")),
        *(percent(setting(row, f"test.{kind}.accuracy")) for kind in run.kinds),
        number(_last(run, name, "train_loss"), 4),
        number(row.get("seconds"), 1),
        _rate(row.get("images_per_second")),
        note(run, name),
    )


def _rate(images: float | None) -> str:
    return number(images, 1 if images is not None and images < 100 else 0)


def _last(run: Run, name: str, field: str) -> float | None:
    values = run.records.evaluations.get(name, {}).get(field)
    return float(values[-1]) if values is not None else None


def diverged(run: Run, name: str) -> int | None:
    """The first step at which a member was not finite, from its summary or its steps."""
    step = run.summary.get(name, {}).get("diverged_step")
    member = run.member(name)
    if step is None and member is not None and member.diverged >= 0:
        step = member.diverged
    return step


def note(run: Run, name: str) -> str:
    """What is out of the ordinary about a member: diverged, unfinished, not begun."""
    said = []
    step = diverged(run, name)
    if step is not None:
        said.append(f"diverged at step {step:,}")
    if name in run.unfinished:
        member, epoch = run.member(name), _last(run, name, "epoch")
        if member is None or not member.length:
            said.append("not begun")
        else:
            reached = f"epoch {epoch:g}" if known(epoch) else f"step {member.length:,}"
            said.append(f"unfinished: recorded up to {reached}")
    return "; ".join(said)


def seeds(run: Run) -> tuple[Table, tuple[str, ...]] | None:
    """Test accuracy over seeds, one row a member of the study; and which seeds have none.

    None where no member has more than one seed.
    """
    rows: dict[str, list[Json]] = {}
    for entry in run.entries:
        rows.setdefault(entry["study_id"], []).append(run.summary.get(entry["id"], {}))
    if max(map(len, rows.values())) < 2:
        return None
    columns = (
        Column("Member", numeric=False), Column("Weights", numeric=False), Column("n"),
        Column("Mean (%)"), Column("Standard deviation (points)"), Column("95 % interval (%)"),
    )  # fmt: skip
    cells, missing = [], dict[str, None]()
    for kind in run.kinds:
        for name, group in rows.items():
            found = _spread(group, kind)
            cells.append((Code(name), weights_name(run, kind), *_spread_cells(found)))
            if found.n < len(group):
                missing[f"{name} ({len(group) - found.n} of {len(group)})"] = None
    return Table(columns, tuple(cells)), tuple(missing)


def _spread(group: list[Json], kind: str) -> Spread:
    return spread([setting(row, f"test.{kind}.accuracy") for row in group])


def _spread_cells(found: Spread) -> tuple[str, ...]:
    interval = f"{percent(found.low)} to {percent(found.high)}" if known(found.low) else DASH
    return str(found.n), percent(found.mean), percent(found.deviation), interval


def landscape(run: Run) -> Table | None:
    """Width and spikes of each network's loss band; None where no network spans one."""
    found = {series: band_numbers(run.records, series) for series in run.records.series}
    digits = 0 if run.records.seeds == 1 else 1
    rows = tuple(
        (
            series, str(band.rates), f"{band.steps:,}", number(band.width, 4),
            number(band.first_epoch, 4), number(band.last_epoch, 4), number(band.spikes, digits),
        )
        for series, band in found.items() if band
    )  # fmt: skip
    columns = (
        Column("Network", numeric=False), Column("Learning rates"), Column("Steps"),
        Column("Mean width, all steps (nats)"), Column("Width, first epoch (nats)"),
        Column("Width, last whole epoch (nats)"), Column("Spikes"),
    )  # fmt: skip
    return Table(columns, rows) if rows else None


def speeds(run: Run) -> Table:
    """The epoch at which each member's accuracy first reached some thresholds."""
    columns = (
        Column("Member", numeric=False), Column("Network", numeric=False),
        Column("Learning rate"), *(Column(f"{100 * level:g} %") for level in THRESHOLDS),
    )  # fmt: skip
    rows = []
    for member in run.records.members:
        curve = run.records.evaluations.get(member.id, {})
        accuracy, epoch = curve.get("val_accuracy", np.empty(0)), curve.get("epoch", np.empty(0))
        reached = [bands.epochs_to(accuracy, epoch, level) for level in THRESHOLDS]
        cells = [f"{e:g}" if known(e) else "never" if accuracy.size else DASH for e in reached]
        rows.append((Code(member.id), member.series, short(member.lr), *cells))
    return Table(columns, tuple(rows))
