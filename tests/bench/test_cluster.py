"""The cost of a population on a cluster: what bounds a group, and what time it takes."""

import pytest

from jaxcifar.bench import cluster
from jaxcifar.core.errors import UserError

ON = cluster.Cluster(
    hosts=2, devices=4, memory=100.0, host_memory=6000.0, rate=10.0, link=100.0, writing=50.0,
    compiling=7.0,
)  # fmt: skip
WORK = cluster.Work(members=64, fixed=5.0, each=10.0, state=20.0, steps=30, batch=2, saves=3)

# changes of the cluster and the work -> groups, members of the largest, seconds of training
CASES = [
    ({}, {}, (1, 64, 8 * 30 * 2 / 10)),
    ({}, {"members": 1}, (1, 1, 6.0)),  # seven devices have none
    ({}, {"members": 65}, (2, 33, 2 * 5 * 6.0)),  # 8 of 10 bytes beside 5 on each of 8 devices
    ({"host_memory": 600.0}, {}, (7, 10, 7 * 2 * 6.0)),  # three copies of 20 bytes each
    ({"hosts": 1}, {}, (2, 32, 2 * 8 * 6.0)),
    ({"rate": 20.0}, {}, (1, 64, 24.0)),
]


@pytest.mark.parametrize("there, of, expected", CASES)
def test_memory_makes_groups_and_devices_share_them(there, of, expected):
    found = cluster.cost(WORK._replace(**of), ON._replace(**there))
    assert (found.groups, found.members) == expected[:2]
    assert found.training == pytest.approx(expected[2])
    assert found.compiling == 7.0 * found.groups
    assert found.device <= cluster.USED * ON.memory


def test_states_go_to_every_host_and_to_disk():
    found = cluster.cost(WORK, ON)
    assert found.checkpoint == 64 * 20 and found.disk == 2 * 64 * 20
    assert found.writing == 3 * 64 * 20 / 50
    assert found.gathering == (3 * 64 * 20 + 16 * 64 * 30) / 100
    assert cluster.cost(WORK, ON._replace(hosts=1, devices=8)).gathering == 0
    assert found.seconds == found.compiling + found.gathering + max(found.training, found.writing)


@pytest.mark.parametrize("there", [{"memory": 10.0}, {"host_memory": 50.0}])
def test_what_cannot_hold_one_member_is_refused(there):
    with pytest.raises(UserError, match="not one member fits"):
        cluster.cost(WORK, ON._replace(**there))


def test_the_committed_constants_are_found():
    import json

    found = cluster.measured(json.loads(cluster.MEASURED.read_text()), "cnn:")
    assert found["compiling"] > 1 and found["writing"] > 1e6 and found["cpu rate"] > 10
    assert "cpu rate" not in cluster.measured(json.loads(cluster.MEASURED.read_text()), "rn16:")
