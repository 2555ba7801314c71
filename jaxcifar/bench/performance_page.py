"""docs/performance.md from two JSON files beside it: what the benches measured, by device.

They add their rows to the files, each with where and how it was measured; the page is written from
all of them, so that a network or a table can be measured again without the others.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcifar.bench import cost_page
from jaxcifar.core.files import CHECKOUT

STORE, PAGE = CHECKOUT / "docs" / "performance.json", CHECKOUT / "docs" / "performance.md"
COSTS = CHECKOUT / "docs" / "costs.json"
README = CHECKOUT / "README.md"
QUOTED = re.compile(
    r"(?<=<!-- speed: written by scripts/bench.py -->\n).*?(?=<!-- /speed -->)", re.S
)
QUOTED_ROW = ("vgg_a:norm=batch", "cpu", 128, "float32")
KEY = ("device", "cores", "batch", "dtype", "autotune", "graphs", "model")
GRAPHS = "--xla_gpu_enable_command_buffer=+CONVOLUTION,+WHILE,+CONDITIONAL"
"""XLA's flag that makes a whole segment one CUDA graph, whose loops the card itself turns."""
HEAD = """# Performance

Written by `python scripts/bench.py --write` from `docs/performance.json`. Each row was measured in
one process, all contenders in turn: medians over rounds of whole training steps (input path,
forward, backward, Adam) of the executable that `train` builds. PyTorch is at the best of
{eager, compile} x {NCHW, channels_last} that was tried, which its column names; a ratio above 1
means that jaxcifar is faster. On Linux the process keeps freed memory, as a run does, which makes
PyTorch faster too. "Members" are populations: total images/s of the largest one in the lane that a
run takes; the lanes themselves (members side by side, `vmap`, or one after another, `map`) stand in
a table of their own. "Of products" is the work of one member's steps, three times the
multiply-accumulates of the direct forward pass, over what matrix products reach on the device.
On a GPU, XLA chooses its kernels by rule, so that a run continues to the same bits anywhere;
"kernels timed" is a run with `--config.deterministic=False`, where it takes the fastest, as PyTorch
does in both. "As one graph" is a run with
"""
HEAD += f"""`XLA_FLAGS={GRAPHS}`: the card itself turns
the loop over an epoch's steps, and waits for the host once an epoch instead of once a step.
"""
LIMITS = """## What is not claimed

Other devices, batch sizes and versions will differ. A row measured on a machine that was busy with
something else is as noisy as that machine was; ratios suffer less, as both sides took turns.
"""


def add(rows: Sequence[Mapping[str, Any]]) -> None:
    """Merge rows into the JSON file, a row for one of its own kind, and write the page."""
    kept = {_kind(row): row for row in [*_stored(STORE), *rows]}
    ordered = [kept[key] for key in sorted(kept, key=str)]
    STORE.write_text(json.dumps(ordered, indent=1) + "\n")
    PAGE.write_text(page(ordered, _stored(COSTS)))
    README.write_text(QUOTED.sub(quote(ordered), README.read_text()))


def add_costs(rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace whole tables of `bench_costs` by these, and write the page."""
    key = lambda row: (row["table"], row["device"], row["cores"])  # noqa: E731
    new = {key(row) for row in rows}
    kept = [*(row for row in _stored(COSTS) if key(row) not in new), *rows]
    COSTS.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(page(_stored(STORE), kept))


def _stored(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text()) if path.exists() else []


def _kind(row: Mapping[str, Any]) -> tuple:
    """What a row is of; in those of before, kernels were chosen by rule, and steps launched."""
    return tuple(row.get(key, False) for key in KEY)


def stamped(row: Mapping[str, Any], command: str) -> dict[str, Any]:
    """A row with where and how it was measured."""
    from jaxcifar.core import hardware
    from jaxcifar.records import provenance

    machine, environment = hardware.hardware(), provenance.environment({}, "")
    return {
        **row, "device": machine.device_kind, "cores": machine.cores, "command": command,
        "commit": environment["commit"] or "",
        "versions": ", ".join(f"{k} {v}" for k, v in environment["versions"].items() if v),
    }  # fmt: skip


def page(rows: Sequence[Mapping[str, Any]], costs: Sequence[Mapping[str, Any]] = ()) -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for kind in dict.fromkeys(_kind(row)[:-1] for row in rows):
        here = [row for row in rows if _kind(row)[:-1] == kind]
        device, cores, batch, dtype, autotune, graphs = kind
        how = ", kernels timed" * autotune + ", as one graph" * graphs
        parts += [f"## {device}, {cores} cores, batch {batch}, {dtype}{how}", _table(here),
                  _mean(here)]  # fmt: skip
        parts += _lanes(here)
    parts += cost_page.sections(costs)
    return "\n\n".join(part.strip() for part in [*parts, LIMITS]) + "\n"


def quote(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the README says of speed: of networks timed on a CPU; nothing where none was."""
    name, device, batch, dtype = QUOTED_ROW
    here = [row for row in rows if row.get("torch") and not row.get("autotune")
            and (row["device"], row["batch"], row["dtype"]) == (device, batch, dtype)]  # fmt: skip
    row = next((row for row in here if row["model"] == name), None)
    if row is None:
        return ""
    found = [ratio(each) for each in here]
    mean = math.exp(sum(map(math.log, found)) / len(found))
    return (
        f"On {row['cores']} CPU cores at batch {batch}, VGG-A with BatchNorm trains "
        f"{row['images_per_second']:.0f} images/s, {ratio(row):.2f} times\nPyTorch at its best; "
        f"{len(found)} networks reach {min(found):.2f} to {max(found):.2f} times, "
        f"{mean:.2f} in the geometric mean.\n"
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("Network", "jaxcifar (images/s)", "PyTorch (images/s)", "PyTorch as", "Ratio",
            "Of products", "Members", "Members (images/s)", "to one", "Commit")  # fmt: skip
    return cost_page.table(head, map(_cells, rows))


def _cells(row: Mapping[str, Any]) -> list[str]:
    torch, chosen = row.get("torch"), [many for many in row["populations"] if many["chosen"]]
    many = max(chosen, key=lambda found: found["members"], default=None)
    return [
        f"`{row['model']}`", f"{row['images_per_second']:,.0f}",
        f"{torch['images_per_second']:,.0f}" if torch else "–", torch["variant"] if torch else "–",
        f"{ratio(row):.2f}" if torch else "–", f"{row['share']:.2f}" if "share" in row else "–",
        f"{many['members']} ({many['lane']})" if many else "–",
        f"{many['images_per_second']:,.0f}" if many else "–",
        f"{many['images_per_second'] / row['images_per_second']:.2f}" if many else "–",
        f"`{row['commit'][:10]}`",
    ]  # fmt: skip


def _lanes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Both lanes of every population, and what the committed table's choice costs."""
    cells = []
    for row in rows:
        for members in dict.fromkeys(many["members"] for many in row["populations"]):
            here = [many for many in row["populations"] if many["members"] == members]
            rates = {many["lane"]: many["images_per_second"] for many in here}
            (chosen,) = (many["lane"] for many in here if many["chosen"])
            cells.append([f"`{row['model']}`", str(members), f"{rates['vmap']:,.0f}",
                          f"{rates['map']:,.0f}", chosen,
                          f"{max(rates.values()) / rates[chosen]:.2f}"])  # fmt: skip
    head = ("Network", "Members", "vmap (images/s)", "map (images/s)", "A run takes", "Better / it")
    return [cost_page.table(head, cells)] if cells else []


def ratio(row: Mapping[str, Any]) -> float:
    """Our images/s over PyTorch's."""
    return float(row["images_per_second"] / row["torch"]["images_per_second"])


def _mean(rows: Sequence[Mapping[str, Any]]) -> str:
    found = [ratio(row) for row in rows if row.get("torch")]
    if not found:
        return "No PyTorch was installed beside it."
    mean = math.exp(sum(map(math.log, found)) / len(found))
    slower = [f"`{row['model']}` {ratio(row):.2f}" for row in rows
              if row.get("torch") and ratio(row) < 1]  # fmt: skip
    below = f"Below PyTorch: {', '.join(slower)}." if slower else "None is below PyTorch."
    versions = " / ".join(dict.fromkeys(row["versions"] for row in rows))
    commands = "; ".join(dict.fromkeys(f"`{row['command']}`" for row in rows))
    return (f"Geometric mean of the ratios over {len(found)} networks: {mean:.2f}. {below}\n\n"
            f"Versions: {versions}. Command: {commands}.")  # fmt: skip
