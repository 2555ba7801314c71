"""Every field of a config, and values that none or few of them take."""

import dataclasses
import typing

from jaxcifar.config import Config


def leaves(node=Config, before=""):
    """(dotted name, type) of every field but `stages`."""
    hints = typing.get_type_hints(node)
    for field in dataclasses.fields(node):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from leaves(hints[field.name], f"{before}{field.name}.")
        elif field.name != "stages":
            yield before + field.name, hints[field.name]


LEAVES = dict(leaves())
NASTY = (
    "nan", "inf", "-inf", "-1", "-1e300", "1e300", "1e-320", "1e39", "", "None", "abc", "1.5", "0",
    "True", "9" * 24, "2147483648", "1,2", "0,0,0", "-1,-1,-1", "1e9 epochs", "0.0001 epochs",
    "3 steps", "\0", "\u00e9", "{}", "$(x)", "0.5", "7", "../..", "'", "1_0", "0x10", "--", "=",
)  # fmt: skip
