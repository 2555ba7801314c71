"""A study before it trains: groups that the device has memory for, images named once."""

import pytest
import tiny

from jaxcifar import files, fitting, folder, memory, plan, record, run
from jaxcifar.config import Member, Study

MEMBERS = tuple(Member(f"m{i}", {"optim.lr": 0.01 * (i + 1)}) for i in range(5))
STUDY = Study("tiny", tiny.BASE, MEMBERS)


def needs(job):
    return fitting.needed(job, plan.hardware()).total


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    (job,) = run.prepare(STUDY, tmp_path_factory.mktemp("whole") / "run").jobs
    return job


def sizes(monkeypatch, place, limit):
    monkeypatch.setattr(memory, "limit", lambda: int(limit))
    jobs = run.prepare(STUDY, place / "run").jobs
    assert [member.id for job in jobs for member in job.members] == [m.id for m in MEMBERS]
    assert len({job.path for job in jobs}) == len(jobs)
    return [len(job.members) for job in jobs], jobs


def test_a_group_that_fits_stays_whole_and_nothing_is_said(whole, monkeypatch, tmp_path, capsys):
    found, _ = sizes(monkeypatch, tmp_path, needs(whole) / fitting.ROOM + 1)
    assert found == [5] and capsys.readouterr().err == ""


def test_one_that_does_not_is_split_into_the_fewest_equal_parts(
    whole, monkeypatch, tmp_path, capsys
):
    found, jobs = sizes(monkeypatch, tmp_path, needs(whole) / fitting.ROOM - 2)
    assert found == [3, 2]
    said = capsys.readouterr().err
    assert said.startswith(f"{whole.plan.id}: its 5 members would need about")
    assert "trained as 2 groups of up to 3" in said
    limit = needs(jobs[1]) / fitting.ROOM + 1
    found, jobs = sizes(monkeypatch, tmp_path, limit)
    assert found == [2, 2, 1] and all(needs(job) <= fitting.ROOM * limit for job in jobs)


def test_a_member_alone_is_never_refused(monkeypatch, tmp_path):
    assert sizes(monkeypatch, tmp_path, 1)[0] == [1] * 5


def test_begun_groups_stay_as_they_are(monkeypatch, tmp_path):
    prepared = run.prepare(STUDY, tmp_path / "run")
    text = record.config_json({"study": "tiny"}, STUDY.base, prepared.runs, {"label": "x"})
    files.write_atomically(prepared.workdir / "config.json", text)
    (job,) = prepared.jobs
    job.path.mkdir(parents=True)
    folder.open_group(job.path, [member.id for member in job.members], {}, strict=True)
    assert sizes(monkeypatch, tmp_path, 1)[0] == [5]


def test_images_of_one_kind_are_named_once(tmp_path):
    members = (Member("few", {"data.n_train": 30}), Member("many", {"data.n_train": 40}))
    prepared = run.prepare(Study("tiny", tiny.BASE, members), tmp_path / "run")
    run._write_heads(prepared, "command")
    said = record.read_json(prepared.workdir / "config.json")["data"]
    assert said["label"] == "synthetic" and len(said["fingerprint"].split(" / ")) == 2
