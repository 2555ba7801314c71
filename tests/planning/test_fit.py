"""A study before it trains: groups that the device has memory for, images named once."""

import itertools

import pytest
import tiny

from jaxcifar.config import Member, Study, replace
from jaxcifar.core import hardware
from jaxcifar.core.errors import UserError
from jaxcifar.planning import fit, memory, prepare
from jaxcifar.records import folder, formats, study_file
from jaxcifar.training import train_study

MEMBERS = tuple(Member(f"m{i}", {"optim.lr": 0.01 * (i + 1)}) for i in range(5))
STUDY = Study("tiny", tiny.BASE, MEMBERS)


def needs(job):
    return fit.needed(job, hardware.hardware()).total


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    (job,) = prepare.prepare(STUDY, tmp_path_factory.mktemp("whole") / "run").groups
    return job


def sizes(monkeypatch, place, limit):
    monkeypatch.setattr(hardware, "limit", lambda: int(limit))
    jobs = prepare.prepare(STUDY, place / "run").groups
    assert [member.id for job in jobs for member in job.members] == [m.id for m in MEMBERS]
    assert len({job.path for job in jobs}) == len(jobs)
    return [len(job.members) for job in jobs], jobs


def test_a_group_that_fits_stays_whole_and_nothing_is_said(whole, monkeypatch, tmp_path, capsys):
    found, _ = sizes(monkeypatch, tmp_path, needs(whole) / fit.USABLE + 1)
    assert found == [5] and capsys.readouterr().err == ""


@pytest.mark.reliability("T13")
def test_one_that_does_not_is_split_into_the_largest_parts_that_do(
    whole, monkeypatch, tmp_path, capsys
):
    found, jobs = sizes(monkeypatch, tmp_path, needs(whole) / fit.USABLE - 2)
    assert found == [4, 1]
    said = capsys.readouterr().err
    assert said.startswith(f"{whole.plan.id}: its 5 members would need about")
    assert "trained as 2 groups of up to 4" in said
    limit = sum(map(needs, jobs)) / 2 / fit.USABLE  # of four and of one: room for two and a half
    found, jobs = sizes(monkeypatch, tmp_path, limit)
    assert found == [2, 2, 1] and all(needs(job) <= fit.USABLE * limit for job in jobs)


@pytest.mark.reliability("T13")
@pytest.mark.parametrize("short, refused", [(0.9, False), (0.99, False), (1.01, True), (9, True)])
def test_a_member_alone_is_refused_where_it_cannot_fit(monkeypatch, tmp_path, short, refused):
    """Estimates err by 15 %: only what they cannot explain is refused, before anything is there."""
    monkeypatch.setattr(fit, "needed", lambda group, _: memory_of(len(group.members)))
    limit = 80 * fit.USABLE / short
    if not refused:
        assert sizes(monkeypatch, tmp_path, limit)[0] == [1] * 5
        return
    with pytest.raises(UserError, match="a member alone would need about") as error:
        sizes(monkeypatch, tmp_path, limit)
    said = str(error.value)
    for word in ("train.batch_size", "width", "data.n_train"):
        assert word in said
    assert len(said.splitlines()) <= 3 and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_begun_groups_stay_as_they_are(monkeypatch, tmp_path):
    prepared = prepare.prepare(STUDY, tmp_path / "run")
    begin(prepared, prepared.groups)
    assert sizes(monkeypatch, tmp_path, 1)[0] == [5]


def begin(prepared, jobs):
    head, data = {"study": "tiny"}, {"label": "x"}
    study_file.write(prepared.workdir, head, STUDY.base, prepared.runs, data)
    for job in jobs:
        job.path.mkdir(parents=True)
        folder.open_group(job.path, [member.id for member in job.members], {}, strict=True)


@pytest.mark.parametrize("begun", [
    (1,), (0, 2), *(pytest.param(each, marks=pytest.mark.slow) for each in ((0,), (0, 1, 2))),
])  # fmt: skip
def test_parts_that_are_left_are_planned_as_before(whole, monkeypatch, tmp_path, capsys, begun):
    monkeypatch.setattr(fit, "needed", lambda job, _: memory_of(len(job.members)))
    monkeypatch.setattr(hardware, "limit", lambda: 200)  # room for 170: two members of 80
    prepared = prepare.prepare(STUDY, tmp_path / "run")
    assert [len(job.members) for job in prepared.groups] == [2, 2, 1]
    begin(prepared, [prepared.groups[index] for index in begun])
    capsys.readouterr()
    again = prepare.prepare(STUDY, tmp_path / "run")
    assert {job.path.name for job in again.groups} == {job.path.name for job in prepared.groups}
    left = 5 - sum(len(prepared.groups[index].members) for index in begun)
    said = f"its {left} members would need" in capsys.readouterr().err
    assert said == (left > 2)


def memory_of(members):
    return memory.Memory(80 * members, 0, 0, 0, 0, 0, 0)


# Which sizes fit: so many members at most; so many on each of four devices, which share a number
# that divides among them; five and more one after another.
CAPACITIES = [
    *(lambda size, most=most: size <= most for most in range(1, 9)),
    *(lambda size, each=each: size // max(d for d in (1, 2, 3, 4) if size % d == 0) <= each
      for each in (1, 2, 3)),
    lambda size: size <= 2 or 5 <= size <= 7,
]  # fmt: skip


@pytest.mark.parametrize("fits", CAPACITIES)
@pytest.mark.parametrize("count", range(1, 11))
def test_taking_any_whole_parts_away_changes_no_other(count, fits):
    found = fit.parts(count, fits)
    assert sum(found) == count and all(size == 1 or fits(size) for size in found)
    for chosen in itertools.product((False, True), repeat=len(found)):
        left = list(itertools.compress(found, chosen))
        assert fit.parts(sum(left), fits) == left


def test_images_of_one_kind_are_named_once(tmp_path):
    members = (Member("few", {"data.n_train": 30}), Member("many", {"data.n_train": 40}))
    prepared = prepare.prepare(Study("tiny", tiny.BASE, members), tmp_path / "run")
    train_study._write_heads(prepared, "command")
    said = formats.read_json(prepared.workdir / "config.json")["data"]
    assert said["label"] == "synthetic" and len(said["fingerprint"].split(" / ")) == 2


def test_a_validation_part_of_no_image_is_refused_before_training(tmp_path):
    few = {"data.n_train": 5, "data.validation": 0.1}
    with pytest.raises(UserError, match="0.1 of 5 images is none"):
        prepare.prepare(Study("tiny", replace(tiny.BASE, few)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    prepare.prepare(
        Study("tiny", replace(tiny.BASE, few | {"select_on": "train"})), tmp_path / "run"
    )
