"""``python -m jaxcifar.interop``: trained weights in PyTorch's naming, as a safetensors file."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcifar import cli, evaluate, models, restoring
from jaxcifar.errors import UserError, unknown
from jaxcifar.interop.convert import places, state_dict
from jaxcifar.interop.files import save_safetensors

USAGE = """\
python -m jaxcifar.interop export --workdir DIR --member ID --out F.safetensors [--which best|...]
python -m jaxcifar.interop names NETWORK   # every array's name and shape, at the default options
"""


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
    model, variables = evaluate.load(workdir, member, which)
    config = restoring.member_configs(workdir)[member].model
    arrays = state_dict(config.name, model, variables)
    given = {k: v for k, v in dataclasses.asdict(config).items() if v is not None}
    about = {"model": json.dumps(given), "member": member, "which": which}
    save_safetensors(out, arrays, about)
    return f"{out}: {len(arrays)} arrays of {config.name}, member {member} ({which})"


def listing(name: str) -> str:
    """A line for each array of a network's state dict. Raises: UserError: unknown network."""
    found = places(name, models.make_model(name)).values()
    return "\n".join(f"{place.key:<48} {place.torch_shape}" for place in found)


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    command, *rest = argv or ["--help"]
    if "--help" in argv or "-h" in argv or not argv:
        text = f"{USAGE}\n{__doc__}"
    elif command == "names":
        if len(rest) != 1:
            raise UserError(f"which network?\n{USAGE.splitlines()[1]}")
        text = listing(rest[0])
    elif command == "export":
        flags = cli.split_flags(rest, ("workdir", "member", "out", "which")).plain
        for name in ("workdir", "member", "out"):
            if name not in flags:
                raise UserError(f"--{name} is not given\n{USAGE.splitlines()[0]}")
        which = flags.get("which", "best")
        text = export(Path(flags["workdir"]), flags["member"], Path(flags["out"]), which)
    else:
        raise unknown("command", command, ("export", "names"))
    print(text)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
