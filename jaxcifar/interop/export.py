"""Trained weights of a run folder as a file in PyTorch naming."""

import dataclasses
import json
from pathlib import Path

from jaxcifar import models
from jaxcifar.core.errors import UserError
from jaxcifar.evaluation import trained
from jaxcifar.interop.convert import places, state_dict
from jaxcifar.interop.files import save_safetensors


def export(workdir: Path, member: str, out: Path, which: str = "best") -> str:
    """Write a member's weights; returns what was done, for people.

    Args:
        workdir: a run folder.
        member: id of a member.
        out: the file; its suffix must be ``.safetensors``.
        which: as of `jaxcifar.evaluate.restore`.

    Raises: UserError: another suffix; as `jaxcifar.evaluate.load`.
    """
    if out.suffix != ".safetensors":
        raise UserError(f"cannot write {out.name!r}\nthe name must end in .safetensors")
    network = trained.load(workdir, member, which)
    config = network.config.model
    arrays = state_dict(config.name, *network)
    given = {k: v for k, v in dataclasses.asdict(config).items() if v is not None}
    about = {"model": json.dumps(given), "member": member, "which": which}
    save_safetensors(out, arrays, about)
    return f"{out}: {len(arrays)} arrays of {config.name}, member {member} ({which})"


def listing(name: str) -> str:
    """A line for each array of a network's state dict. Raises: UserError: unknown network."""
    found = places(name, models.make_model(name)).values()
    return "\n".join(f"{place.key:<48} {place.torch_shape}" for place in found)
