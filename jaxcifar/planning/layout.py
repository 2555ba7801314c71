"""Over which devices a group lies: those along its members, times those along its batches."""

from jaxcifar.core.errors import UserError
from jaxcifar.core.hardware import Hardware
from jaxcifar.core.types import Program


def lay_out(asked: Program, members: int, machine: Hardware) -> Program:
    """A program of so many members on the devices that there are.

    Members go first: over all the devices that batches leave, or as many of them as give none a
    member more to train. Several processes each need a share, so there all devices are taken.

    Args:
        asked: its `devices` (0 = not asked for), `data` and `batch` as the config has them.
        members: M.
        machine: what it will run on.

    Raises: UserError: a mesh that the devices cannot be, or a batch that it cannot split.
    """
    _require_room(asked, machine)
    most = min(asked.devices or machine.devices // asked.data, members)
    each = -(-members // most)
    devices = -(-members // each)
    if machine.processes > 1:
        devices = machine.devices // asked.data
    return asked._replace(members=members, devices=devices)


def _require_room(asked: Program, machine: Hardware) -> None:
    member, data = asked.devices or 1, asked.data
    there = f"{machine.devices} x {machine.backend} ({machine.device_kind})"
    if member * data > machine.devices:
        raise UserError(
            f"devices.member={asked.devices or None} and devices.data={data} are a mesh of "
            f"{member * data} devices; there are {there}\n"
            f"allowed: devices.member x devices.data up to {machine.devices}"
        )
    if asked.batch % data:
        raise UserError(
            f"devices.data={data} cannot split batches of {asked.batch} images evenly\n"
            "give a --config.train.batch_size that it divides, or another --config.devices.data"
        )
    whole = member * data if asked.devices else machine.devices - machine.devices % data
    if machine.processes > 1 and whole != machine.devices:
        raise UserError(
            f"devices.member={asked.devices or None} and devices.data={data} leave some of {there} "
            f"idle, in {machine.processes} processes\n"
            "give a mesh of all of them, or start fewer processes"
        )
