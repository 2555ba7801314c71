"""``--dry-run``: what a study would cost, in memory, time and programs, and how it is said."""

from types import SimpleNamespace

import cli_runs
import pytest
import tiny

from jaxcifar import models, programs
from jaxcifar.config import Member, Study, replace
from jaxcifar.core import hardware
from jaxcifar.planning import dry_run, memory, prepare, speed
from jaxcifar.records import formats

BASE = replace(tiny.BASE, {"data.n_train": 50, "data.n_test": 20})
STUDY = Study("tiny", BASE, (
    Member("a", {"optim.lr": 0.01}), Member("b", {"optim.lr": 0.03}),
    Member("c", {"train.batch_size": 8}),
))  # fmt: skip


@pytest.fixture
def rates(monkeypatch):
    """A table of which every number is known; its case is the tiny network's."""
    case = speed.lanes.case(tiny.make_plan().phases[0].program)
    cores = f"cpu with {hardware.hardware().cores} cores"
    table = {"cpu": {cores: {case: {"1": 3e6, "4": 9e6}, "vgg_a batch=16 float32": {"1": 7e6}}}}
    monkeypatch.setattr(speed, "table", lambda: table)
    monkeypatch.setattr(speed, "product_rate", lambda: 8e9)
    return table


def test_the_state_is_counted_to_the_byte():
    made = tiny.make_plan({}, {}, {}, base=replace(tiny.BASE, {"average.name": "swa",
                                                               "average.start": 0.0}))  # fmt: skip
    found = memory.estimate(made, 100, "cpu")
    convolutions = (3 * 9 * 4 + 4) + 2 * (4 * 9 * 4 + 4)
    parameters = convolutions + 3 * 8 + (65 * 512) + (513 * 256) + (257 * 10)
    weights = 3 * 4 * (parameters + 3 * 8)
    assert found.weights == found.best == weights
    assert found.optimizer == 3 * 4 * parameters, "SGD with momentum: one value each"
    assert found.average == 3 * 4 * parameters + 3 * 4, "and a count of what is in it"
    assert found.images == 100 * (32 * 32 * 3 + 4)
    assert found.total == sum(found)


def test_adam_keeps_two_values_a_parameter_and_its_time():
    base = replace(tiny.BASE, {"optim.name": "adam", "optim.momentum": None})
    made = tiny.make_plan({}, {}, base=base)
    parameters = models.count_parameters("cnn", filters=(4, 4, 4))
    optimizer = memory.estimate(made, 0, "cpu").optimizer
    assert 0 <= optimizer - 2 * 4 * 2 * parameters <= 2 * 16


def kept(made, backend="tpu"):
    return memory.estimate(made, 0, backend).step


def test_a_step_keeps_what_its_batch_and_its_members_in_flight_need(monkeypatch):
    gradients = 4 * models.count_parameters("cnn", filters=(4, 4, 4))
    one = kept(tiny.make_plan()) - gradients
    pixels = 16 * 32 * 32 * 4 * 4  # of one layer of 4 channels, float32
    two, four = (kept(tiny.make_plan(base=replace(tiny.BASE, {"train.batch_size": batch})))
                 - gradients for batch in (32, 64))  # fmt: skip
    assert pixels < two - one < 20 * pixels
    assert four - two == pytest.approx(2 * (two - one), rel=0.01), "linear in the batch"
    beside = tiny.make_plan({}, {}, {}, {}, lane="vmap")
    assert kept(beside) == 4 * (one + gradients)
    assert kept(tiny.make_plan({}, {}, {}, {}, lane="map")) == one + gradients
    assert kept(tiny.make_plan({}, {}, {}, {}, lane="vmap", devices=2)) == 2 * (one + gradients)
    share, _ = memory.WORKSPACE["cpu"]
    larger, most = memory.SMALL["cpu"]
    assert kept(beside, "cpu") == kept(beside) + round(larger * one)
    monkeypatch.setattr(memory, "SMALL", {"cpu": (larger, larger * one / 2)})
    assert kept(beside, "cpu") == kept(beside) + round(larger * one / 2)
    monkeypatch.setattr(memory, "SMALL", {})
    assert kept(beside, "cpu") == kept(beside) + round(share * one)


def test_a_large_value_that_is_not_kept_passes_through_memory(monkeypatch):
    """The encoder's first convolution, 64 channels of 32x32, of which pooling keeps the places."""
    base = replace(tiny.BASE, {"model.name": "conv_encoder", "model.filters": None})
    made = tiny.make_plan(base=base)
    phase = made.phases[0]
    bytes_kept, passing = memory.backward_pass(phase, programs.blank_state(phase, phase), "cpu")
    assert passing == 16 * 32 * 32 * 64 * 4 > bytes_kept
    monkeypatch.setattr(memory, "SMALL", {})
    share, times = memory.WORKSPACE["cpu"]
    assert kept(made, "cpu") == kept(made) + round(share * bytes_kept + times * passing)


def test_the_most_demanding_stage_counts(monkeypatch):
    monkeypatch.setattr(memory, "SMALL", {})
    stage = {"stages.0.at": 0.5, "stages.0.train.batch_size": 32, "stages.0.optim.name": "adam",
             "stages.0.optim.momentum": None}  # fmt: skip
    one, two = (memory.estimate(tiny.make_plan(base=base), 0, "cpu")
                for base in (tiny.BASE, replace(tiny.BASE, stage)))  # fmt: skip
    assert two.step > 1.5 * one.step and two.optimizer > 1.9 * one.optimizer


def test_the_limit_is_a_device_s_or_the_host_s():
    assert 2**28 < hardware.limit() < 2**46


def test_rates_come_from_the_nearest_measurement(rates):
    def rate(members, **changes):
        program = tiny.make_plan(*[{}] * members).phases[0].program._replace(**changes)
        return speed.rate_of(program, hardware.hardware())

    assert rate(1) == (3e6, "measured on such a device")
    assert rate(3).macs == 3e6 and rate(4).macs == rate(5).macs == 9e6
    assert rate(4, devices=4).macs == 4 * 3e6, "each device has one member"
    assert rate(1, batch=32) == (6e6, "a guess: by this network's other settings")
    assert rate(1, model="fcnn") == (7e6, "a guess: by other networks")
    unknown = speed.rate_of(
        tiny.make_plan().phases[0].program, hardware.Hardware("gpu", "NVIDIA H200", 1, 16)
    )
    assert speed.device_of(hardware.Hardware("gpu", "NVIDIA H200", 1, 16)) == "NVIDIA H200"
    assert unknown == (speed.SHARE * 8e9, "a guess: such a device was never measured")


def test_the_committed_rates_are_rates():
    for kinds in speed.table().values():
        for rows in kinds.values():
            for case, counts in rows.items():
                assert case.split()[0] in models.MODELS
                assert all(int(members) >= 1 and rate > 1e6 for members, rate in counts.items())


def test_a_matrix_product_is_timed_within_a_second_or_so():
    assert 1e8 < speed.product_rate() < 1e16


def test_the_fastest_matrix_product_counts(monkeypatch):
    clock = iter([0.0, 0.4, 0.41, 0.7])  # calls of 0.4, 0.01 and 0.29 seconds
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setitem(speed.PRODUCT, "cpu", (8, 3))
    assert speed.product_rate.__wrapped__() == pytest.approx(3 * 8**3 / 0.01)


def test_work_is_three_passes_a_trained_image_and_one_a_scored():
    made = tiny.make_plan({}, {})  # 40 images an epoch as 16, 16 and 8; 2 epochs
    macs = models.macs("cnn", filters=(4, 4, 4))
    assert speed.work(made, scored=12) == 2 * macs * (3 * 80 + 2 * 12)
    assert speed.work(made, scored=12, taken=3) == 2 * macs * (3 * 40 + 12)
    assert speed.work(made, scored=12, taken=5) == 2 * macs * (3 * 8 + 12)


def test_a_short_batch_and_every_stage_are_programs():
    kinds = [kind for kind, _ in dry_run.programs_of(tiny.make_plan({}, {}))]
    assert sorted(kinds) == ["score", "train", "train"]
    even = [kind for kind, _ in dry_run.programs_of(tiny.make_plan(n_train=48))]
    assert sorted(even) == ["score", "train"]
    augmented = dry_run.programs_of(tiny.make_plan(n_train=48), augmented=True)
    assert sorted(kind for kind, _ in augmented) == ["score", "score augmented", "train"]
    stage = {"stages.0.at": 0.5, "stages.0.optim.name": "adam", "stages.0.optim.momentum": None}
    staged = dry_run.programs_of(tiny.make_plan(base=replace(tiny.BASE, stage)))
    assert sum(kind == "train" for kind, _ in staged) == 4


@pytest.fixture
def prepared(tmp_path, rates):
    return prepare.prepare(STUDY, tmp_path / "run")


def test_a_study_is_told_by_groups(prepared, rates):
    """50 images, a fifth validates: 40 train. Two members in one group, the third alone."""
    text = dry_run.describe(prepared)
    first, second = (block.splitlines() for block in text.split("\n\n")[1:3])
    one, two = prepared.groups
    assert first[0] == f"group {one.path.name}: 2 members one after another, 6 steps of 16 images"
    assert second[0] == f"group {two.path.name}: 1 member, 10 steps of 8 images"
    macs = models.macs("cnn", filters=(4, 4, 4))
    seconds = 2 * macs * (3 * 80 + 2 * 10) / 3e6
    line = next(line for line in first if "time" in line)
    assert f"at {3e6 / (3 * macs):,.0f} images/s (measured on such a device)" in line
    assert f"about {seconds:.0f} s, at" in line or f"about {seconds / 60:.2g} min, at" in line
    assert "  compiles   3 programs (2 to train, 1 to score)" in first
    assert "  compiles   2 programs (1 to train, 1 to score)" in second
    assert any(line.startswith("    b  seed 0") and "optim.lr=0.03" in line for line in first)
    assert "in all: 3 members in 2 groups; left to do: 16 steps" in text
    assert "5 programs (3 to train, 2 to score)" in text.splitlines()[-1]
    assert not prepared.workdir.exists()


def test_what_does_not_fit_is_said(prepared, monkeypatch):
    assert "DOES NOT FIT" not in dry_run.describe(prepared)
    monkeypatch.setattr(hardware, "limit", lambda: 2**20)
    assert dry_run.describe(prepared).count("DOES NOT FIT into the device's 1 MiB") == 2


def test_finished_groups_cost_nothing_and_begun_ones_what_is_left(prepared):
    one, two = prepared.groups
    formats.write_lines(two.path / "metrics.jsonl", [{"member": "c", "step": 5}])
    begun = prepared._replace(groups=(one._replace(finished=True), two))
    text = dry_run.describe(begun)
    assert "finished   nothing is left to do" in text and "from about step 5" in text
    assert "left to do: 5 steps" in text
    done = prepared._replace(groups=tuple(job._replace(finished=True) for job in prepared.groups))
    assert dry_run.describe(done).splitlines()[-1].endswith("in 2 groups, all finished")


@pytest.mark.parametrize("seconds, words", [
    (0.2, "1 s"), (89, "89 s"), (90, "1.5 min"), (3600, "60 min"), (5400, "1.5 h"),
    (129600, "1.5 days"), (2.6e6, "30 days"),
])  # fmt: skip
def test_spans_read_easily(seconds, words):
    assert dry_run._span(seconds) == words


ACCOUNT = """
import tiny
from jaxcifar.bench import costs
from jaxcifar.config import replace
from jaxcifar.planning import memory
base = replace(tiny.BASE, {{"model.filters": None, "train.batch_size": 128, **{options}}})
made = tiny.make_plan(*[{{}}] * {members}, base=base, n_train=1024, lane="{lane}")
used, found = costs.account(made, 1024), memory.estimate(made, 1024, "cpu")
ratio = found.segment / used
assert abs(ratio - 1) <= 0.15, ratio
"""


@pytest.mark.slow
@pytest.mark.parametrize("options, members, lane", [
    ({"model.name": "cnn"}, 1, "vmap"),
    ({"model.name": "cnn"}, 4, "vmap"),
    ({"model.name": "cnn"}, 4, "map"),
    ({"model.name": "vgg_a", "model.norm": "batch", "model.width": 0.25}, 1, "vmap"),
    ({"model.name": "vgg_a", "model.norm": "batch", "model.width": 0.125}, 8, "map"),
    ({"model.name": "vgg_a", "model.norm": "none", "model.width": 0.25}, 4, "vmap"),
    ({"model.name": "canet_tiny"}, 1, "vmap"),
    ({"model.name": "fcnn"}, 4, "map"),
    ({"model.name": "cifar_resnet20"}, 1, "vmap"),
    ({"model.name": "conv_encoder"}, 1, "vmap"),
])  # fmt: skip
def test_the_estimate_is_near_the_compiler_s_account(options, members, lane):
    """Arguments and temporaries of the segment as users compile it, by XLA, within 15 %."""
    cli_runs.python(ACCOUNT.format(options=options, members=members, lane=lane))
