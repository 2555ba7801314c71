"""Over which devices a group lies, and which meshes are refused."""

import pytest
import tiny

from jaxcifar.config import Config, replace
from jaxcifar.core.errors import UserError
from jaxcifar.core.hardware import Hardware
from jaxcifar.planning import layout, resolve


def asked(member=None, data=1, batch=16):
    changes = {"devices.member": member, "devices.data": data, "train.batch_size": batch}
    return resolve.resolve(replace(tiny.BASE, changes)).program


def machine(devices, processes=1):
    return Hardware("cpu", "cpu", devices, 2, processes)


# member and data asked for, members, devices, processes -> the mesh, and rows with padding
MESHES = [
    (None, 1, 1, 1, 1, (1, 1), 1),
    (None, 1, 1, 8, 1, (1, 1), 1),
    (None, 1, 3, 2, 1, (2, 1), 4),
    (None, 1, 4, 2, 1, (2, 1), 4),
    (None, 1, 5, 4, 1, (3, 1), 6),  # 2 each: a fourth device would have none
    (None, 1, 9, 8, 1, (5, 1), 10),
    (None, 2, 3, 8, 1, (3, 2), 3),
    (None, 2, 5, 7, 1, (3, 2), 6),
    (None, 8, 5, 8, 1, (1, 8), 5),
    (2, 4, 3, 8, 1, (2, 4), 4),
    (4, 1, 2, 8, 1, (2, 1), 2),
    (1, 1, 8, 8, 1, (1, 1), 8),
    (None, 1, 1, 4, 2, (4, 1), 4),  # each process has a device of the mesh
    (None, 2, 3, 4, 2, (2, 2), 4),
    (2, 2, 5, 4, 4, (2, 2), 6),
]


@pytest.mark.parametrize("member, data, members, devices, processes, mesh, rows", MESHES)
def test_members_lie_on_devices(member, data, members, devices, processes, mesh, rows):
    program = layout.lay_out(asked(member, data), members, machine(devices, processes))
    assert ((program.devices, program.data), program.rows) == (mesh, rows)


REFUSED = [
    ({"member": 4, "data": 2}, machine(4), "a mesh of 8 devices; there are 4 x cpu"),
    ({"member": 2}, machine(1), "a mesh of 2 devices"),
    ({"data": 3}, machine(2), "a mesh of 3 devices"),
    ({"data": 3}, machine(8), "cannot split batches of 16 images evenly"),
    ({"member": 2}, machine(4, 2), "leave some of 4 x cpu (cpu) idle, in 2 processes"),
    ({"data": 4}, machine(6, 2), "idle, in 2 processes"),
]


@pytest.mark.parametrize("mesh, there, said", REFUSED)
def test_a_mesh_that_does_not_match_the_devices_is_refused(mesh, there, said):
    with pytest.raises(UserError) as refused:
        layout.lay_out(asked(**mesh), 8, there)
    assert said in str(refused.value) and len(str(refused.value).splitlines()) <= 3


FIELDS = [
    ({"devices.member": 0}, "devices.member=0 is out of range"),
    ({"devices.data": -1}, "devices.data=-1 is out of range"),
    ({"devices.data": 2.0}, "of the wrong type"),
    ({"devices.batch_norm": "per_shard"}, "has no effect: no batch is split"),
    ({"devices.data": 2, "devices.batch_norm": "pershard"}, "did you mean 'per_shard'"),
    ({"devices.data": 2, "devices.batch_norm": "per_shard", "probe.every": "1 epoch"},
     "probe.every looks at whole batches"),
]  # fmt: skip


@pytest.mark.parametrize("changes, said", FIELDS)
def test_fields_that_cannot_be_are_refused(changes, said):
    with pytest.raises(UserError, match=said):
        replace(Config(), changes)


def test_where_a_run_is_computed_is_no_part_of_what_it_is():
    """Another mesh continues it; statistics by parts of a batch are another training."""
    plain, spread, parts, more = (
        tiny.members({}, base=replace(tiny.BASE, changes))[0].identity
        for changes in (
            {},
            {"devices.member": 4, "devices.data": 2, "devices.batch_norm": "synchronised"},
            {"devices.data": 2, "devices.batch_norm": "per_shard"},
            {"devices.data": 4, "devices.batch_norm": "per_shard", "devices.member": 1},
        )
    )
    assert plain == spread and len({plain, parts, more}) == 3


def test_parts_of_one_image_have_no_statistics():
    """As a batch of one: of networks that normalise maps of one pixel."""
    network = {"model.name": "shufflenet_v2_x0_5", "model.filters": None, "devices.data": 4,
               "train.batch_size": 4}  # fmt: skip
    base = replace(tiny.BASE, network)
    tiny.make_plan(base=base, devices=4)
    with pytest.raises(UserError, match="devices.data=4 leaves a batch parts of one image"):
        tiny.make_plan(base=replace(base, {"devices.batch_norm": "per_shard"}), devices=4)
