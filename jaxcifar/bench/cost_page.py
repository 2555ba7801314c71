"""The sections of docs/performance.md on what costs grow with, from rows of `bench_costs`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxcifar.bench.landscapes import GOALS

Row = Mapping[str, Any]


class Section(NamedTuple):
    """A table of the page: what it is of, its columns, and each row's cells beside the first's."""

    title: str
    text: str
    head: tuple[str, ...]
    cells: Callable[[Row, Row], list[str]]
    of: str = "Network"  # what a row is of


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column stands left, the others right."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def sections(rows: Sequence[Row]) -> list[str]:
    """Every table that was measured, by device; in each, rows beside the first of their network."""
    parts = []
    for place in dict.fromkeys(map(_place, rows)):
        for name, section in SECTIONS.items():
            here = [row for row in rows if _place(row) == place and row["table"] == name]
            if here:
                parts += _section(section, place, here)
    return parts


def _place(row: Row) -> str:
    return f"{row['device']}, {row['cores']} cores" if row["cores"] else row["device"]


def _section(section: Section, where: str, rows: Sequence[Row]) -> list[str]:
    first: dict[str, Row] = {}
    cells = []
    for row in rows:
        beside = first.setdefault(row["model"].split(",width")[0], row)
        cells.append([f"`{row['model']}`", *section.cells(row, beside)])
    how = " / ".join(dict.fromkeys(f"`{row['command']}` at `{row['commit'][:10]}`" for row in rows))
    return [f"## {section.title}: {where}", section.text, table((section.of, *section.head), cells),
            f"{how}; {rows[0]['versions']}."]  # fmt: skip


def _rate(row: Row, beside: Row) -> list[str]:
    ratio = row["images_per_second"] / beside["images_per_second"]
    return [f"{row['images_per_second']:,.0f}", f"{ratio:.2f}"]


def _memory(row: Row) -> list[str]:
    ours, xla = row["estimate_bytes"], row["xla_bytes"]
    return [f"{xla / 2**20:,.0f}", f"{ours / 2**20:,.0f}", f"{ours / xla:.2f}"]


def _members(row: Row, one: Row) -> list[str]:
    return [str(row["members"]), row["lane"], *_rate(row, one), *_memory(row)]


def _width(row: Row, first: Row) -> list[str]:
    work = 3e-9 * row["macs"] * row["images_per_second"]
    return [f"{row['macs'] / 1e6:,.1f}", *_rate(row, first), f"{work:,.0f}", *_memory(row)]


def _images(row: Row, first: Row) -> list[str]:
    each = 1e3 * row["seconds"] / row["images"]
    return [f"{row['images']:,}", f"{row['seconds']:.2f}", f"{each:.2f}",
            f"{3076 * row['images'] / 2**20:.1f}"]  # fmt: skip


def _devices(row: Row, first: Row) -> list[str]:
    return [str(row["devices"]), str(row["members"]), *_rate(row, first)]


def _rates(row: Row, first: Row) -> list[str]:
    """`first` is the single rate that one call takes one step of."""
    single = row["rates"] * first["seconds"]
    return [row["lane"], str(row["rates"]), str(row["steps"]), f"{row['seconds']:.3f}",
            f"{row['seconds'] / single:.2f}"]  # fmt: skip


def _landscape(row: Row, first: Row) -> list[str]:
    """Seconds, or a share of what stands beside, and the goal that it is held to on a CPU."""
    beside, goal = row["beside"], GOALS[row["kind"]]
    ratio = "–" if beside is None else f"{row['seconds'] / beside:.2f}"
    said = f"{goal:.0f} s" if beside is None else f"{goal:.2f}"
    return [row["what"], row["dtype"], f"{row['seconds']:.2f}",
            "–" if beside is None else f"{beside:.2f}", ratio, said]  # fmt: skip


def _saves(row: Row, first: Row) -> list[str]:
    return [str(row["members"]), f"{row['bytes'] / 2**20:,.0f}", f"{1e3 * row['waits']:.0f}",
            f"{row['seconds']:.2f}", f"{100 * row['share']:.2f}"]  # fmt: skip


def _layers(row: Row, first: Row) -> list[str]:
    ours, torch = row["jaxcifar"], row["torch"]
    beside = [" / ".join(f"{side[name]:.1f}" for side in (ours, torch) if side) for name in ours]
    ratio = f"{sum(torch.values()) / sum(ours.values()):.2f}" if torch else "–"
    return [f"`{row['lowering']}`", *beside, ratio]


def _products(row: Row, first: Row) -> list[str]:
    ours, torch = row["jaxcifar"], row["torch"]
    return [" / ".join(f"{side[name]:.0f}" for side in (ours, torch) if side) for name in ours]


def _start(row: Row, first: Row) -> list[str]:
    return [row["cache"] or "–", f"{row['seconds']:.2f}"]


def _programs(row: Row, first: Row) -> list[str]:
    images = row["batch"] * row["members"]
    return [
        f"{row['batch']}", f"{row['members']}", row["lane"], row["lowering"], row["dtype"],
        f"{row['kernels']:,}", f"{row['products']:,}", f"{row['launches']:,}",
        f"{row['traffic'] / 1e9:.2f}",
        f"{row['flop'] / 1e12:.2f}", f"{1e3 * row['least']:.2f}", f"{images / row['least']:,.0f}",
        *_memory(row),
    ]  # fmt: skip


MEMORY = ("by XLA (MiB)", "planned (MiB)", "planned / XLA")
SECTIONS = {
    "members": Section(
        "Members", "Populations of one network at batch 128: images/s of all members together, and "
        "the memory of the compiled segment by XLA's account beside the planner's.",
        ("Members", "Lane", "images/s", "to one", *MEMORY), _members,
    ),
    "width": Section(
        "Width", "One member at batch 128. Work counts three multiply-accumulates of the direct "
        "convolutions for each of the forward pass, also where a lowering needs fewer.",
        ("M MAC an image", "images/s", "to the first", "G MAC/s", *MEMORY), _width,
    ),
    "images": Section(
        "Training images", "An epoch of one member at batch 128; pixels lie there as bytes.",
        ("Images", "Epoch (s)", "ms an image", "On the device (MiB)"), _images,
    ),
    "devices": Section(
        "Devices", "The same members spread over host devices that share the same cores: what "
        "spreading costs, not what a second device brings.",
        ("Devices", "Members", "images/s", "to one device"), _devices,
    ),
    "rates": Section(
        "Learning rates in one pass", "A training step of the landscape at batch 128, at one rate "
        "and at several; one call takes one step or several.",
        ("Lane", "Rates", "Steps a call", "Seconds a step", "to as many single steps"), _rates,
    ),
    "landscape": Section(
        "Landscapes", "A surface and an eigenvalue as `jaxcifar.landscape` gives them of a trained "
        "member, compilation included; a probe along the gradient at batch 128 beside as many of "
        "one step size, and beside the training steps from one probe to the next. Goals are for "
        "VGG-A at width 0.25 on 2 CPU cores: seconds, or the share at most.",
        ("What", "Compute", "Seconds", "Beside (s)", "Share", "Goal"), _landscape,
    ),
    "saves": Section(
        "Saves", "A whole snapshot: how long training waits for it, after how long it is written "
        "and sealed, and at most what share that is of an epoch of 50,000 images with one save.",
        ("Members", "MiB", "Training waits (ms)", "Written after (s)", "Share of an epoch (%)"),
        _saves,
    ),
    "layers": Section(
        "Layers", "Single convolutions at batch 32, where the ratios of whole networks come from: "
        "milliseconds, ours / PyTorch's in the better of its layouts; backward is both gradients, "
        "of an image only the kernel's. Both sides do the same besides: three additions to their "
        "arrays. `3x3 s2 p1 g1 64>128 @32 m1`: kernel, stride, padding, groups, channels in and "
        "out, side of the image, members.",
        ("Lowering", "Forward (ms)", "Backward (ms)", "Ratio"), _layers, "Convolution",
    ),
    "products": Section(
        "Products", "Matrix products that convolutions become, windows by pixels x values x output "
        "channels: GFLOP/s, XLA's / PyTorch's. The kernel's gradient sums over all windows.",
        ("Forward", "Kernel gradient"), _products, "Product",
    ),
    "memory": Section(
        "Memory", "The compiled segment of one member at batch 128 over 1,024 images.",
        MEMORY, lambda row, first: _memory(row),
    ),
    "programs": Section(
        "Programs", "What XLA makes of a training step for a card that is only described; nothing "
        "ran. Kernels a step, of them convolutions and matrix products; launches, where a CUDA "
        "graph of several kernels is one; the memory they read and write; the least that they take "
        "by the card's data sheet (4.8 TB/s, 989 TFLOP/s, in float32 494 by TF32), and how many "
        "images a second that would be; the program's memory over 50,000 images.",
        ("Batch", "Members", "Lane", "Convolutions", "Compute", "Kernels", "Products", "Launches",
         "GB", "TFLOP", "Least (ms)", "At most (images/s)", *MEMORY), _programs,
    ),
    "start": Section(
        "Start", "New processes. Of networks the first training step at batch 128, tracing and "
        "compilation included, without and with the user's cache of compiled programs.",
        ("Cache", "Seconds"), _start, "Begun",
    ),
}  # fmt: skip
