"""scripts/reproduce_bn.py: what it trains, keeps and refuses."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from made_bn import PLACE, make
from places import ROOT

import jaxcifar
from jaxcifar.core import signals
from jaxcifar.core.errors import UserError
from jaxcifar.reproduction import batchnorm
from jaxcifar.reproduction.batchnorm import pictures
from jaxcifar.reproduction.batchnorm.studies import KINDS
from jaxcifar.training import train_study

TINY = ("small,data.name=synthetic,data.n_train=20,data.n_test=16,model.width=0.0625,"
        "train.batch_size=16,train.epochs=2,eval.batch_size=8")  # fmt: skip


@pytest.fixture
def script(monkeypatch):
    from jaxcifar.reproduction.batchnorm import command

    return command


def group_at(script, item, *words):
    return script.make_job(item, script.parse(["--variants", item, *words]))


def test_a_variant_is_a_study_with_its_own_folder(script):
    small, r1, half = (group_at(script, i) for i in ("small", "r1", "r1,dtype=bfloat16"))
    assert [job.study.seeds for job in (small, r1, half)] == [2, 3, 3]
    assert half.study.base.dtype == "bfloat16" and r1.study.base.dtype == "float32"
    assert len({job.workdir for job in (small, r1, half)}) == 3
    assert r1.workdir.parent == Path("runs") and r1.workdir.name.startswith("bn-r1-")
    assert half.command.endswith("--variants r1,dtype=bfloat16 --seeds 3")


@pytest.mark.parametrize("item, folder, seeds", [
    ("bn_rates:small", "bn_rates-small-", 1), ("bn_rates", "bn_rates-", 3),
    ("bn_init:small", "bn_init-small-", 5), ("bn_init:quick", "bn_init-quick-", 2),
    ("bn_sgd:default", "bn_sgd-", 3), ("bn_probe:r1,dtype=bfloat16", "bn_probe-r1-", 3),
    ("bn:small", "bn-small-", 2), ("quick", "bn-quick-", 1),
])  # fmt: skip
def test_a_study_beside_the_bands_is_named_before_its_variant(script, item, folder, seeds):
    job = group_at(script, item)
    assert job.workdir.name.startswith(folder) and job.study.seeds == seeds
    assert job.study.variant == (
        None if item in ("bn_rates", "bn_sgd:default") else folder[:-1].rpartition("-")[2]
    )
    assert job.command.endswith(f"--variants {item} --seeds {seeds}")


def test_without_variants_all_small_studies_are_meant(script):
    names = [group_at(script, item).study.name for item in script.parse([]).variants]
    assert names == ["bn", *KINDS]


def test_a_study_that_there_is_not_is_refused(script):
    with pytest.raises(UserError, match="did you mean"):
        group_at(script, "bn_rate:small")


def test_seeds_can_be_added_to_a_folder(script):
    few, more = group_at(script, "small"), group_at(script, "small", "--seeds", "5")
    assert more.study.seeds == 5 and more.workdir == few.workdir
    assert group_at(script, "default").study.base.select_on == "validation"


def test_a_misspelt_field_is_refused(script):
    with pytest.raises(UserError, match="did you mean"):
        group_at(script, "small,train.epoch=3")


def test_kept_records_name_no_place_and_give_the_same_page(script, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "draw", lambda *_: [])
    folder = make(tmp_path / "bn-small", "small", changes={"model.width": 0.25}, seeds=2)
    (folder / "groups" / "g" / "checkpoints").mkdir(parents=True)
    (folder / "groups" / "g" / "checkpoints" / "weights").write_text("many")
    (folder / batchnorm.ALONE).write_text('{"bn": 5.0, "plain": 7.0}')
    config = json.loads((folder / "config.json").read_text())
    config["base"] = {"data": {"dir": PLACE, "name": "cifar10"}}
    (folder / "config.json").write_text(json.dumps(config))
    script.copy_records(folder, tmp_path / "kept")
    names = {str(path.relative_to(tmp_path / "kept")) for path in (tmp_path / "kept").rglob("*.*")}
    assert names == {"config.json", "environment.json", "metrics.jsonl", "steps.npz",
                     "summary.json", "alone.json",
                     "groups/vgg_a-batch-0a/summary.json"}  # fmt: skip
    kept = json.loads((tmp_path / "kept" / "config.json").read_text())
    assert kept["data"]["source"] == "CIFAR-10 (JPEG)" and kept["base"]["data"]["dir"] is None
    assert kept["data"]["fingerprint"] == config["data"]["fingerprint"]
    assert PLACE not in json.dumps(kept)
    page = batchnorm.write([folder], tmp_path / "out").read_text()
    assert batchnorm.write([tmp_path / "kept"], tmp_path / "out").read_text() == page


def test_the_records_of_a_killed_run_are_merged_before_the_page_is_drawn(
    script, tmp_path, monkeypatch
):
    monkeypatch.setattr(pictures, "draw", lambda *_: [])
    runs = ["--runs", str(tmp_path / "runs")]
    folder = make(group_at(script, "small", *runs).workdir, "small", seeds=2)
    (group,) = (folder / "groups").iterdir()
    names = [row["id"] for row in json.loads((folder / "config.json").read_text())["members"]]
    (group / "group.json").write_text(json.dumps({"members": names, "numerics": {}}))
    whole = batchnorm.write([folder], tmp_path / "whole").read_text()
    for name in ("metrics.jsonl", "steps.npz", "summary.json"):
        (folder / name).rename(group / name)
    assert script.main([*runs, "--draw-only", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "bn.md").read_text() == whole


def test_time_is_up(script):
    began = time.perf_counter()
    with pytest.raises(signals.Stopped, match="the same command continues") as caught:
        with script.time_limit(0.05 / 60):
            time.sleep(30)
    assert time.perf_counter() - began < 20 and caught.value.signum == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with script.time_limit(None), script.time_limit(5):
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL


def test_a_stop_still_writes_the_page_and_says_143(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pictures, "draw", lambda *_: [])

    def train(job):
        make(job.workdir, "small", seeds=2)
        raise signals.Stopped(signal.SIGTERM, "stopped at step 3")

    monkeypatch.setattr(script, "train", train)
    status = script.main(["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert status == 143 and "stopped at step 3" in said.err
    assert (tmp_path / "out" / "bn.md").exists() and "Images/s" in said.out


def test_a_stop_before_there_is_a_page_says_143(script, tmp_path, monkeypatch, capsys):
    def train(job):
        make(job.workdir, "small", seeds=2, norms=("batch",))
        raise signals.Stopped(signal.SIGTERM, "stopped at step 3")

    monkeypatch.setattr(script, "train", train)
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert script.main(argv) == 143
    assert "no page yet: bn:small has no records of VGG-A without" in capsys.readouterr().err
    with pytest.raises(UserError, match="train both networks"):
        script.main([*argv, "--draw-only"])


def test_nothing_to_draw_is_refused(script, tmp_path):
    with pytest.raises(UserError, match="no records in .*\ntrain first"):
        script.main(["--draw-only", "--runs", str(tmp_path)])


def test_the_place_of_the_images_is_handed_on(script, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXCIFAR_DATA", "/elsewhere")
    with pytest.raises(UserError, match="no records"):
        script.main(["--draw-only", "--runs", str(tmp_path), "--data", str(tmp_path)])
    assert os.environ["JAXCIFAR_DATA"] == str(tmp_path.resolve())


def test_one_member_of_each_network_is_timed_by_itself(script, tmp_path, monkeypatch):
    """Three epochs of 100 images: 10 s with compilation, then 2 s and 3 s."""
    trained = []

    def train(study, workdir):
        trained.append((study.members, study.seeds, study.base.train.epochs))
        rows = [{"epoch": e, "seconds": s} for e, s in ((0.5, 9), (1, 10), (2, 12), (3, 15))]
        summary = {"members": {"one": {"images_per_second": 20.0, "seconds": 15.0}}}
        return train_study.Results(workdir, summary, rows, {})

    monkeypatch.setattr(jaxcifar, "train", train, raising=False)
    script.time_alone(group_at(script, "small")._replace(workdir=tmp_path))
    assert [members[0].id for members, *_ in trained] == ["bn-0.001", "plain-0.001"]
    assert all((len(members), *rest) == (1, 1, 3) for members, *rest in trained)
    assert json.loads((tmp_path / batchnorm.ALONE).read_text()) == {"bn": 40.0, "plain": 40.0}


@pytest.mark.slow
def test_it_trains_once_and_writes_the_page(script, tmp_path, capsys):
    argv = ["--variants", TINY, "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"),
            "--records", str(tmp_path / "kept")]  # fmt: skip
    assert script.main(argv) == 0
    text = (tmp_path / "out" / "bn.md").read_text()
    assert "bn:small on synthetic is not R1 at its published size: width 0.0625" in text
    assert len(list((tmp_path / "out" / "bn").iterdir())) == 6
    (folder,) = (tmp_path / "runs").iterdir()
    before = (folder / "environment.json").read_bytes()
    capsys.readouterr()
    assert script.main(argv) == 0
    assert "finished before" in capsys.readouterr().err
    assert (folder / "environment.json").read_bytes() == before
    assert (tmp_path / "out" / "bn.md").read_text() == text
    out = ["--out", str(tmp_path / "out")]
    assert script.main(["--variants", TINY, "--draw-only", "--runs", str(tmp_path / "kept"), *out]
                       ) == 0  # fmt: skip
    assert (tmp_path / "out" / "bn.md").read_text() == text


BESIDE = ("data.name=synthetic,data.n_train=20,data.n_test=16,model.width=0.0625,"
          "train.batch_size=16,eval.batch_size=8,checkpoint.save_every=1 epoch")  # fmt: skip


@pytest.mark.slow
def test_studies_beside_the_bands_train_onto_the_page(script, tmp_path):
    spans = "probe.every=1 steps,probe.shift_every=1 steps,probe.activations_every=2 steps"
    items = [f"bn_rates:small,{BESIDE}", f"bn_probe:small,{BESIDE},train.epochs=2,{spans}"]
    words = ["--variants", *items, "--seeds", "2", "--out", str(tmp_path / "out")]
    kept = tmp_path / "kept"
    assert script.main([*words, "--runs", str(tmp_path / "runs"), "--records", str(kept)]) == 0
    text = (tmp_path / "out" / "bn.md").read_text()
    rows = [line for line in text.splitlines() if "| bn_rates:small |" in line]
    assert len(rows) == 1 and rows[0].endswith("| not run at published size |")
    rows = [line for line in text.splitlines() if "| bn_probe:small |" in line]
    assert len(rows) == 24 and all("| 2 |" in row for row in rows)
    assert len(list((tmp_path / "out" / "bn").iterdir())) == 7
    assert script.main([*words, "--runs", str(kept), "--draw-only"]) == 0
    assert (tmp_path / "out" / "bn.md").read_text() == text


def test_a_check_is_of_members_as_they_are_but_for_the_length(script):
    args = script.parse(["--check", "R1-bn-bn-1e-4"])
    study = script.make_check(args).study
    assert [member.id for member in study.members] == ["R1-bn-bn-1e-4"] and study.seeds == 1
    assert study.base.train.epochs == 1 and study.base.model.width is None
    with pytest.raises(UserError, match="unknown member 'R1-bn-bn-1'"):
        script.make_check(script.parse(["--check", "R1-bn-bn-1"]))


def test_the_kept_records_give_the_page_that_is_kept(script, tmp_path):
    kept = ROOT / "docs" / "results"
    words = ["--draw-only", "--runs", str(kept / "records"), "--out", str(tmp_path)]
    assert script.main(words) == 0
    assert (tmp_path / "bn.md").read_bytes() == (kept / "bn.md").read_bytes()
