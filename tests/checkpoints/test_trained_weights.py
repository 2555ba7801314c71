"""Trained weights back from the very bytes that were asked for, or not at all, by every door."""

import shutil

import jax
import numpy as np
import pytest
import tiny

import jaxcifar
from jaxcifar import cli, evaluate
from jaxcifar.checkpoints import first_weights, snapshots, trained_weights
from jaxcifar.config import Member, Stage, Study, population, replace
from jaxcifar.core.errors import IntegrityError, UserError
from jaxcifar.evaluation import trained
from jaxcifar.interop.export import export
from jaxcifar.planning import prepare
from jaxcifar.records import folder
from jaxcifar.training import engine


def late(lr):
    """Two steps at the base's rate, two at this one."""
    return {"stages": (Stage(0.5, {"optim.lr": lr}),)}


BASE = replace(tiny.BASE, {
    "data.n_train": 40, "data.n_test": 20, "checkpoint.keep_every": "1 epoch",
    "average.name": "swa", "average.start": 0.0, "eval.every": "1 steps",
    "checkpoint.save_every": "1 epoch", **late(0.01),
})  # fmt: skip
STUDY = Study("tiny", BASE, (
    Member("whole", {}), Member("never", {"optim.lr": 1e30}), Member("late", late(1e30)),
))  # fmt: skip
IMAGES = tiny.images(20)[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "tiny"
    jaxcifar.train(STUDY, workdir)
    return workdir


@pytest.fixture(scope="module")
def weights(finished):
    """What the intact run gives of its healthy member, by kind."""
    return {which: given(finished, which) for which in ("best", "last", "swa", "step:2", "step:4")}


def given(workdir, which):
    return evaluate.restore(workdir, "whole", which).of("whole")


def copied(workdir, to):
    """A copy of a run folder, and its checkpoints."""
    (group,) = folder.groups(shutil.copytree(workdir, to))
    return to, group.path / "checkpoints"


def open_again(workdir):
    """As if the run had been killed before its end was scored."""
    (group,) = folder.groups(workdir)
    (group.path / "summary.json").unlink()


def start_from(workdir, member, which):
    base = replace(BASE, {"init_from": f"{workdir}:{member}:{which}"})
    study = first_weights.pin(Study("next", base))
    return first_weights.read(population.expand(study, lambda config: "data"))[0]


DOORS = {
    "load": jaxcifar.load,
    "predict": lambda workdir, member, which: jaxcifar.predict(workdir, member, IMAGES, which),
    "restore": evaluate.restore,
    "score_group": trained.score_group,
    "export": lambda workdir, member, which: export(
        workdir, member, workdir / f"{which}.safetensors", which
    ),
    "init_from": start_from,
}
doors = pytest.mark.parametrize("door", DOORS)


def changed(pattern, change):
    """A damage to one file of the newest checkpoint."""

    def damage(newest):
        files = [path for path in sorted(newest.glob(pattern)) if path.is_file()]
        victim = max(files, key=lambda path: path.stat().st_size)
        if change is None:
            victim.unlink()
        else:
            victim.write_bytes(change(victim.read_bytes()))

    return damage


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1])


def exchanged(newest):
    shutil.rmtree(newest)
    shutil.copytree(newest.with_name("00000002"), newest)


DAMAGE = {
    "a flipped bit of the weights": changed("weights/**/*", flipped),
    "a flipped bit elsewhere": changed("rest/**/*", flipped),
    "a file cut": changed("weights/**/*", lambda content: content[:5]),
    "a file emptied": changed("weights/_METADATA", lambda _: b""),
    "a file missing": changed("weights/**/*", None),
    "a manifest missing": changed("manifest.json", None),
    "a manifest cut": changed("manifest.json", lambda content: content[:40]),
    "a manifest of another kind": changed("manifest.json", lambda _: b"[1, 2]"),
    "the folder missing": shutil.rmtree,
    "an older one in its place": exchanged,
}


@pytest.mark.reliability("T4")
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_refused_and_what_is_whole_is_given(finished, weights, tmp_path, damage):
    workdir, checkpoints = copied(finished, tmp_path / "copy")
    DAMAGE[damage](checkpoints / "00000004")
    for which in ("best", "last"):
        with pytest.raises(IntegrityError, match="00000004") as error:
            given(workdir, which)
        lines = str(error.value).splitlines()
        assert len(lines) == 3 and "whole are: step:2, step:4, swa" in lines[1]
    for which in ("step:2", "step:4", "swa"):
        tiny.assert_same_bits(given(workdir, which), weights[which])


@doors
@pytest.mark.parametrize("over", [True, False], ids=["finished", "unfinished"])
def test_no_door_leads_to_older_weights(finished, tmp_path, door, over):
    workdir, checkpoints = copied(finished, tmp_path / "copy")
    shutil.rmtree(checkpoints / "kept")
    if not over:
        open_again(workdir)
    DAMAGE["a flipped bit of the weights"](checkpoints / "00000004")
    with pytest.raises(IntegrityError, match="00000004/.* has other bytes"):
        DOORS[door](workdir, "whole", "last")
    if door != "init_from" or over:  # those of a run that goes on will not stay
        assert DOORS[door](workdir, "whole", "step:2") is not None


def stray(name):
    def put(checkpoints):
        (checkpoints / name).parent.mkdir(exist_ok=True)
        (checkpoints / name).write_bytes(b"\0\0\0\1Bud1")

    return put


def synced(checkpoints):
    """A cloud drive's copy of a folder that it thinks in conflict."""
    shutil.copytree(checkpoints / "00000002", checkpoints / "00000004 (conflicted copy)")


STRAYS = {
    name: stray(name)
    for name in (
        ".DS_Store", "Thumbs.db", "00000009.swp", "00000004/.DS_Store", "00000004/._weights",
        "00000004/weights/Thumbs.db", "00000004/weights/d/._x", "00000004/manifest.json~",
        "00000004/trained/desktop.ini", "swa/weights/.DS_Store", "kept/00000002/.sync.ffs_db",
    )
} | {"a copy of a folder": synced}  # fmt: skip


@pytest.mark.parametrize("name", STRAYS)
def test_a_file_that_no_manifest_names_is_no_damage(finished, weights, tmp_path, name):
    workdir, checkpoints = copied(finished, tmp_path / "copy")
    STRAYS[name](checkpoints)
    for which in ("best", "last", "swa", "step:2"):
        tiny.assert_same_bits(given(workdir, which), weights[which])
    assert snapshots.find(checkpoints).folder.name == "00000004"


def test_a_stray_folder_is_not_continued_from(finished, weights, tmp_path):
    workdir, checkpoints = copied(finished, tmp_path / "copy")
    shutil.copytree(checkpoints / "00000002" / "weights", checkpoints / "00000004" / "trained")
    job = prepare.group_at(*trained_weights.group_of(workdir, "whole"))
    found = snapshots.restore(snapshots.find(checkpoints), engine.blank(job.plan, 1))
    last = jax.tree.map(lambda leaf: leaf[0], found.state.params)
    tiny.assert_same_bits(last, weights["last"]["params"])


LOST = {
    ("never", "best"): "lost at step 1, before its first evaluation",
    ("never", "last"): "lost at step 1,", ("never", "swa"): "lost at step 1,",
    ("never", "step:2"): "lost at step 1,", ("never", "step:4"): "lost at step 1,",
    ("late", "last"): "lost at step 3,", ("late", "swa"): "lost at step 3,",
    ("late", "step:4"): "lost at step 3,",
}  # fmt: skip


@pytest.mark.reliability("T8")
@pytest.mark.parametrize("over", [True, False], ids=["finished", "unfinished"])
@pytest.mark.parametrize("which", ["best", "last", "swa", "step:2", "step:4"])
@pytest.mark.parametrize("member", ["whole", "never", "late"])
def test_a_member_has_no_weights_of_after_it_was_lost(finished, tmp_path, member, which, over):
    workdir = finished
    if not over:
        workdir, _ = copied(finished, tmp_path / "copy")
        open_again(workdir)
    if (member, which) in LOST:
        with pytest.raises(UserError, match=LOST[member, which]) as error:
            evaluate.restore(workdir, member, which)
        assert len(str(error.value).splitlines()) <= 3
    else:
        weights = evaluate.restore(workdir, member, which).of(member)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights))


@doors
def test_no_door_leads_to_the_weights_of_a_lost_member(finished, door):
    with pytest.raises(UserError, match="'never' has no 'best' weights: it was lost at step 1"):
        DOORS[door](finished, "never", "best")


def test_evaluate_scores_the_others_and_says_who_was_lost(finished, capsys):
    assert cli.run(evaluate.main, ["--workdir", str(finished)]) == 2
    said = capsys.readouterr().out
    assert "whole: test accuracy" in said and "late: test accuracy" in said
    assert "never: member 'never' has no 'best' weights" in said
    asked = ["--workdir", str(finished), "--member", "never"]
    assert cli.run(evaluate.main, asked) == 2
    told = capsys.readouterr()
    assert not told.out and "lost at step 1" in told.err


def test_weights_before_the_first_evaluation_are_not_the_best(finished, tmp_path, monkeypatch):
    workdir, _ = copied(finished, tmp_path / "copy")
    open_again(workdir)
    seen = {"best_step": np.full(3, -1), "bad_step": np.full(3, -1)}
    monkeypatch.setattr(snapshots, "fates", lambda path: seen)
    with pytest.raises(UserError, match="no 'best' weights yet: it was not evaluated"):
        jaxcifar.load(workdir, "whole")
    assert jaxcifar.load(workdir, "whole", "last")


def test_a_source_that_moved_is_told_of_and_taken_from_its_new_place(finished, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(finished, old)
    place = f"{old}:whole:best"
    study = first_weights.pin(Study("next", replace(BASE, {"init_from": place})))
    old.rename(new)
    with pytest.raises(UserError, match=f"init_from=.*{old} is no run folder\nif that run moved"):
        prepare.prepare(study, tmp_path / "next")
    moved = study.base.init_from.replace(str(old), str(new))
    there = Study("next", replace(study.base, {"init_from": moved}))
    ids = [population.expand(each, lambda config: "data")[0].identity for each in (study, there)]
    assert ids[0] == ids[1]
    assert prepare.prepare(there, tmp_path / "next").groups
