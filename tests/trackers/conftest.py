"""A group that trackers look at, and what looks."""

import pytest
import tiny

from jaxcifar import trackers
from jaxcifar.planning.group import Group
from jaxcifar.records import formats
from jaxcifar.trackers.feed import Feed


@pytest.fixture
def job(tmp_path):
    """A group of two members, begun and not trained."""
    made = tiny.make_plan({"optim.lr": 0.01}, {"optim.lr": 0.03})
    runs = tuple(
        member._replace(id=name)
        for member, name in zip(tiny.members({}, {"optim.lr": 0.03}), "ab", strict=True)
    )
    formats.write_json(tmp_path / "config.json", {
        "study": "tiny", "data": {"label": "made up"},
        "members": [{"id": name, "config": {}} for name in "ab"],
    })  # fmt: skip
    path = tmp_path / "groups" / "g"
    formats.write_json(path / "group.json", {"members": ["a", "b"], "numerics": {}})
    return Group(made, runs, None, path, False)


@pytest.fixture
def feed():
    """Makes feeds of a tracker; what a kill would leave open is closed after the test."""
    made = []

    def make(name="tensorboard"):
        made.append(Feed(trackers.TRACKERS[name].open))
        return made[-1]

    yield make
    for each in made:
        each.close()
