"""Trained networks held, what they say of images, and how little they compile and read for it."""

import shutil

import jax
import numpy as np
import pytest
import tiny
from compiles import Compiles

import jaxcifar
from jaxcifar import evaluate
from jaxcifar.checkpoints import snapshots
from jaxcifar.config import Member, Study, replace
from jaxcifar.core.errors import IntegrityError, UserError
from jaxcifar.evaluation import trained
from jaxcifar.planning import prepare

BASE = replace(tiny.BASE, {"data.n_train": 40, "data.n_test": 20, "train.epochs": 1})
STUDY = Study("tiny", BASE, (Member("whole", {}), Member("other", {"optim.lr": 0.02})))
IMAGES = tiny.images(20)[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "tiny"
    jaxcifar.train(STUDY, workdir)
    return workdir


def test_weights_and_answers_that_are_not_finite_are_refused(finished):
    network = jaxcifar.load(finished, "whole")
    network.variables["params"]["fc3"]["bias"][3] = np.nan
    with pytest.raises(UserError, match="answers on 20 of 20 images are not finite"):
        network.predict(IMAGES)
    kept = evaluate.restore(finished, "whole")
    kept.weights["params"]["fc3"]["bias"][:] = np.inf
    with pytest.raises(UserError, match="not all finite"):
        kept.of("whole")


DOORS = {
    "load": jaxcifar.load,
    "predict": lambda workdir, member, which: jaxcifar.predict(workdir, member, IMAGES, which),
    "score_group": trained.score_group,
}


@pytest.mark.parametrize("sizes, programs", [
    ((1, 1), 1), ((3, 4, 2), 1), ((5, 16), 1), ((257, 501, 256), 1), ((1, 2, 300), 3), ((0, 1), 1),
])  # fmt: skip
def test_a_network_compiles_once_for_sizes_that_are_near(finished, sizes, programs):
    trained._answer.cache_clear()
    jax.clear_caches()
    with Compiles() as compiles:
        for size in sizes:
            found = jaxcifar.predict(finished, "whole", np.repeat(IMAGES[:1], size, axis=0))
            assert found.shape == (size, 10) and found.dtype == np.float32
    assert compiles.of("answer") == programs


def test_filled_up_images_change_no_answer(finished):
    network = jaxcifar.load(finished, "whole")
    several = np.concatenate([network.predict(IMAGES[row : row + 1]) for row in range(20)])
    np.testing.assert_allclose(network.predict(IMAGES), several, rtol=1e-5)
    many = network.predict(np.tile(IMAGES, (15, 1, 1, 1)))
    np.testing.assert_allclose(many, np.tile(several, (15, 1)), rtol=1e-5)


def test_the_second_call_reads_no_weights_until_they_change(finished, tmp_path, monkeypatch):
    workdir = shutil.copytree(finished, tmp_path / "copy")
    read, seen = snapshots.read_weights, []
    monkeypatch.setattr(
        snapshots, "read_weights", lambda *args: seen.append(args) or read(*args)
    )  # fmt: skip
    first, again = (jaxcifar.predict(workdir, "whole", IMAGES) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(seen) == 1
    jaxcifar.predict(workdir, "other", IMAGES)
    jaxcifar.predict(workdir, "whole", IMAGES, "last")
    assert len(seen) == 3
    for path in workdir.glob("groups/*/checkpoints/*/weights/_METADATA"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="has other bytes"):
        jaxcifar.predict(workdir, "whole", IMAGES)


def test_a_loaded_network_is_a_pair_of_its_own(finished):
    model, variables = network = jaxcifar.load(finished, "whole")
    assert network.model is model and network.config.model.name == "cnn"
    variables["params"]["fc3"]["kernel"][:] = 0  # as in pruning
    assert (network.predict(IMAGES) != jaxcifar.predict(finished, "whole", IMAGES)).any()


@pytest.mark.parametrize("door", ["load", "predict", "score_group"])
def test_a_door_prepares_cache_and_memory_as_a_run_does(finished, door, monkeypatch):
    seen = []
    monkeypatch.setattr(trained.setup, "prepare", lambda deterministic: seen.append(deterministic))
    trained._held.cache_clear()
    DOORS[door](finished, "whole", "best")
    assert seen == [True]


HERE, OTHERS = "/here", "/others"  # the images of training lie at HERE


@pytest.mark.parametrize("recorded, given, usual, found", [
    (HERE, None, None, True), ("/gone", HERE, None, True), ("/gone", None, HERE, True),
    (OTHERS, None, HERE, True), ("/gone", "/gone", HERE, False), (HERE, "/gone", None, False),
    ("/gone", None, None, False), ("/gone", None, OTHERS, False), ("/gone", OTHERS, HERE, False),
    (None, None, HERE, True), (None, HERE, OTHERS, True), (None, OTHERS, HERE, False),
])  # fmt: skip
def test_images_that_moved_are_found_and_known(
    finished, monkeypatch, recorded, given, usual, found
):
    """`given`: --config.data.dir; `usual`: where $JAXCIFAR_DATA or the caches lead."""
    load, kept = prepare.data.load, evaluate.restore(finished, "whole")

    def look(name, place, *, n_train, n_test):
        place = usual if place is None else place
        if place not in (HERE, OTHERS):
            raise UserError(f"no CIFAR-10 in {place}, which does not exist\nfetch it")
        images = load("synthetic", None, n_train=n_train, n_test=n_test)
        return images if place == HERE else images._replace(fingerprint="0", source=OTHERS)

    runs = tuple(
        run._replace(config=replace(run.config, {"data.name": "cifar10", "data.dir": recorded}))
        for run in kept.runs
    )
    monkeypatch.setattr(prepare.data, "load", look)
    if found:
        job = prepare.group_at(kept.group, runs, given)
        assert job.data.fingerprint != "0" and job.path == kept.group.path
    else:
        with pytest.raises(UserError, match=r"trained on are not there: .*\npoint --config.data"):
            prepare.group_at(kept.group, runs, given)


class Picture:
    """Stands for an image of PIL, which has no dtype."""

    size = (32, 32)


@pytest.mark.parametrize("images, said", [
    (np.zeros((2, 32, 32, 3), np.float32), r"images are float32 \(2, 32, 32, 3\)\nallowed: uint8"),
    (np.zeros((32, 32, 3), np.uint8), r"images are uint8 \(32, 32, 3\)"),
    (np.zeros((2, 3, 32, 32), np.uint8), r"images are uint8 \(2, 3, 32, 32\)"),
    (np.zeros((2, 32, 32, 3), np.int8), "images are int8"), (np.uint8(3), r"images are uint8 \(\)"),
    ([np.zeros((32, 32, 3), np.uint8)], "images are of type list\nallowed: an array"),
    (Picture(), "images are of type Picture"), (None, "images are of type NoneType"),
    (np.array(["a"]), "images are <U1"),
])  # fmt: skip
def test_images_of_another_kind_are_refused(images, said, tmp_path):
    with pytest.raises(UserError, match=said):
        jaxcifar.predict(tmp_path, "a", images)
