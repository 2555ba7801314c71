"""A compiled program's training step, from XLA's texts: kernels, their traffic, and launches.

XLA's own account of traffic is not offered for a program that was compiled without its device.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

WIDTHS = {"f64": 8, "f32": 4, "bf16": 2, "f16": 2, "s64": 8, "u64": 8, "s32": 4, "u32": 4,
          "s8": 1, "u8": 1, "pred": 1}  # fmt: skip
FREE = {"parameter", "get-tuple-element", "tuple", "bitcast", "constant"}
LINE = re.compile(r"^ +(?:ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*?)\)(.*)$", re.M)
PRODUCT = re.compile(r"custom_call_target=|kind=kCustom")
TURNS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
THUNK = re.compile(r"^( *)(?:\d+: )?(k\w+|body)", re.M)


class Kernel(NamedTuple):
    """An instruction of the step that moves data."""

    name: str
    product: bool  # a convolution or matrix product
    bytes: int  # read and written


def kernels(text: str) -> list[Kernel]:
    """Of a compiled module's text: what the loop over steps does in a turn.

    That is the longest of those that hold no other of unknown length, as one over members does. A
    loop within it counts as often as it turns.
    """
    parts = dict(re.findall(r"^(?:ENTRY )?%?([\w.\-]+) \(.*?\{\n(.*?)^\}", text, re.M | re.S))
    bodies = [parts[name] for name in re.findall(r"body=%?([\w.\-]+)", text)]
    return list(_turn(max((body for body in bodies if not _open(body)), key=len), parts))


def _open(body: str) -> bool:
    return any(kind == "while" and not TURNS.search(rest) for *_, kind, _, rest in _lines(body))


def _lines(body: str) -> list[tuple[str, str, str, str, str]]:
    """Name, shape, operation, operands and the rest of each instruction."""
    return LINE.findall(body)


def _turn(body: str, parts: dict[str, str]) -> Iterator[Kernel]:
    found = _lines(body)
    sizes = {name: _bytes(shape) for name, shape, *_ in found}
    for name, _, kind, arguments, rest in found:
        if kind == "while":
            (turns,) = TURNS.findall(rest)
            yield from int(turns) * list(_turn(parts[_named("body", rest)], parts))
        elif kind not in FREE:
            read = [sizes.get(each, 0) for each in re.findall(r"%([\w.\-]+)", arguments)]
            called = parts.get(_named("calls", rest), "")
            yield Kernel(name, bool(PRODUCT.search(rest)), _traffic(sizes[name], read, called))


def _bytes(shape: str) -> int:
    arrays = re.findall(r"(\w+)\[([\d,]*)\]", shape)
    return sum(WIDTHS[kind] * math.prod(map(int, filter(None, dims.split(","))))
               for kind, dims in arrays)  # fmt: skip


def _named(role: str, rest: str) -> str:
    found = re.search(rf"{role}=%?([\w.\-]+)", rest)
    return found[1] if found else ""


def _traffic(written: int, read: list[int], called: str) -> int:
    """Where a few rows of an array are taken or written in place, they alone are moved."""
    lines = _lines(called)
    sizes = {name: _bytes(shape) for name, shape, *_ in lines}
    for name, _, kind, arguments, _ in lines:
        operands = [sizes.get(each, 0) for each in re.findall(r"%([\w.\-]+)", arguments)]
        if kind in ("gather", "dynamic-slice") and operands[0] in read:
            read[read.index(operands[0])] = sizes[name]
        if kind == "dynamic-update-slice" and operands[0] in read:
            read[read.index(operands[0])] = 0
            written += operands[1] - operands[0]
    return written + sum(read)


def launches(thunks: str, depth: int = 1) -> int:
    """Of a dump of what the host executes: what it launches in a turn of the loop over steps.

    That is the one with the most in it of those in `depth` - 1 others, as one over members is. A
    CUDA graph is one launch, as is a loop within it. 0 where the loop itself is in a graph.
    """
    around: list[tuple[int, int, str]] = []  # indentation, number, kind
    contents: dict[int, list[bool]] = {}  # of every such loop: whether the host launches it
    for number, (spaces, kind) in enumerate(THUNK.findall(thunks)):
        around = [line for line in around if line[0] < len(spaces)]
        loops = [line[1] for line in around if line[2] == "body"]
        kinds = [line[2] for line in around]
        if len(loops) == depth and kind != "body" and kinds[-1] != "kWhile":  # its condition
            contents.setdefault(loops[-1], []).append("kCommandBuffer" not in kinds)
        around.append((len(spaces), number, kind))
    longest: list[bool] = max(contents.values(), key=len)
    return sum(longest)
