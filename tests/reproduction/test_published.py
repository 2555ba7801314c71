"""Pages of the study reports: which run speaks, what is at size, which verdict follows."""

import dataclasses

import numpy as np
import pytest
from made_published import make
from places import CONFIGS
from scipy import stats

from jaxcifar import cli, figures
from jaxcifar.config import Stage, population, replace, tree
from jaxcifar.core import hardware
from jaxcifar.planning import plan
from jaxcifar.report.captions import CAPTIONS
from jaxcifar.report.run_records import images
from jaxcifar.reproduction import departures, reference, reports
from jaxcifar.reproduction.reports import lines, measures, page, pictures, runs, tables
from jaxcifar.reproduction.reports.claims import CLAIMS
from jaxcifar.reproduction.reports.measures import MEASURES, Cell
from jaxcifar.reproduction.verdicts import Verdict

GPU = hardware.Hardware("gpu", "NVIDIA H200", 1, 16)  # where planning counts no network's work
PUBLISHED = {"R0-opt-adam": 0.8842, "R0-opt-sgd": 0.7858, "R0-opt-signsgd": 0.8264}
SPREAD = (-0.003, 0.0, 0.004)


def study(name, variant="published"):
    return cli.load_study(f"{CONFIGS}/{name}.py:{variant}")


@pytest.fixture
def table():
    """The optimizer table alone, so that the test needs one run."""
    found = reference.load("r0")
    return next(t for t in found["tables"] if t["config"] == "r0_optimizer")


def as_published(member, seed):
    return PUBLISHED[member] + SPREAD[seed]


def found_of(folder, name="r0_optimizer"):
    return reports.find(folder, {name: study(name)})


def test_the_published_value_is_reproduced_contradicted_or_neither(tmp_path, table):
    def reached(member, seed):
        far = 0.05 if member == "R0-opt-sgd" else 0.0
        return as_published(member, seed) + far

    make(tmp_path / "a", study("r0_optimizer"), reached)
    (trained,) = found_of(tmp_path)["r0_optimizer"]
    found = tables.beside(table, trained)
    verdicts = {row[0]: row[-1] for row in found.rows}
    assert verdicts == {
        "R0-opt-adam": Verdict.REPRODUCED.value, "R0-opt-sgd": Verdict.CONTRADICTED.value,
        "R0-opt-signsgd": Verdict.REPRODUCED.value,
    }  # fmt: skip
    adam = next(row for row in found.rows if row[0] == "R0-opt-adam")
    values = 100 * (PUBLISHED["R0-opt-adam"] + np.array(SPREAD))
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert adam[3:9] == (
        "88.42", f"{values.mean():.2f}", f"{values.std(ddof=1):.2f}",
        f"{values.mean() - 88.42:.2f}", f"{low:.2f} to {high:.2f}", "3",
    )  # fmt: skip


def test_rows_are_compared_with_the_first_by_the_paired_test(tmp_path, table):
    def reached(member, seed):
        return as_published(member, seed) + 0.001 * seed * (member == "R0-opt-sgd")

    make(tmp_path / "a", study("r0_optimizer"), reached)
    found = tables.comparisons(table, found_of(tmp_path)["r0_optimizer"][0])
    sgd, sign = found.rows
    assert sgd[0] == "R0-opt-sgd" and sgd[2] == "-9.84" and sign[1] == "-5.78"
    gaps = np.array([reached("R0-opt-sgd", s) - reached("R0-opt-adam", s) for s in range(3)])
    assert float(sgd[-1].strip("<")) == pytest.approx(
        2 * stats.ttest_1samp(gaps, 0).pvalue, abs=6e-5
    )


def test_ranges_readings_and_peaks_of_a_figure(tmp_path):
    table = next(t for t in reference.load("r2")["tables"] if t["config"] == "r2_rn16_lu")
    names = [row["member"] for row in table["rows"]]
    made = study("r2_rn16_lu", "asrun")

    def reached(member, seed):
        return 0.735 + (0.2 if member == names[0] else 0.0) + 0.0001 * seed

    make(tmp_path / "a", made, reached)
    (trained,) = reports.find(tmp_path, {"r2_rn16_lu": made})["r2_rn16_lu"]
    rows = {row[0]: row for row in tables.beside(table, trained).rows}
    assert rows[names[0]][3] == "~72.00 to 74.00" and rows[names[0]][-1] == "contradicted"
    assert rows["R2-rn16-lu-gelu-adamw-1e-3-wd1e-1"][-1] == "reproduced"
    peak = [row for row in tables.beside(table, trained).rows if row[0] == "all rows"]
    assert [row[3] for row in peak] == ["84.00", "0.4700"]
    assert peak[0][4] == "93.51"  # the highest of all rows, mean over seeds


def test_one_setting_off_and_nothing_is_judged(tmp_path, table):
    changed = study("r0_optimizer")
    changed = dataclasses.replace(changed, base=replace(changed.base, {"train.epochs": 49}))
    make(tmp_path / "a", changed, as_published)
    (trained,) = found_of(tmp_path)["r0_optimizer"]
    assert {row[-1] for row in tables.beside(table, trained).rows} == {Verdict.NOT_RUN.value}
    assert runs.sizes(trained, ["R0-opt-adam"]) == ("train.epochs 49 (published: 50)",)


def test_what_cannot_change_the_experiment_does_not_take_its_size(tmp_path):
    free = {"data.dir": "/elsewhere", "seed": 7, "eval.batch_size": 50, "dtype": "bfloat16"}
    moved = study("r0_optimizer")
    moved = dataclasses.replace(moved, base=replace(moved.base, free), seeds=5)
    make(tmp_path / "a", moved, lambda member, seed: 0.8)
    (trained,) = found_of(tmp_path)["r0_optimizer"]
    assert all(map(trained.at_size, PUBLISHED)) and trained.name.endswith("(bfloat16)")


@pytest.mark.parametrize(
    "path, value, words",
    [("eval.every", "50 steps", "eval.every 50 steps (published: 1 epoch)"),
     ("init_from", "/a/runs/x:m:last", "init_from x:m:last (published: none)"),
     ("optim.b2", 0.9, "optim.b2 0.9 (published: not given)"),
     ("stages", (Stage(0.5, {"optim.lr": 0.1}),),
      "stages from 0.5 on optim.lr 0.1 (published: none)"),
     ("train.record", ("last_layer_grad",), "train.record last_layer_grad (published: none)")],
)  # fmt: skip
def test_whatever_else_differs_takes_the_size(tmp_path, path, value, words):
    changed = study("r0_optimizer")
    changed = dataclasses.replace(changed, base=replace(changed.base, {path: value}))
    make(tmp_path / "a", changed, as_published)
    (trained,) = found_of(tmp_path)["r0_optimizer"]
    assert not trained.at_size("R0-opt-adam")
    assert runs.sizes(trained, ["R0-opt-adam"]) == (words,)


def test_first_weights_are_the_same_wherever_they_lie():
    here, there = ({"init_from": text} for text in ("runs/a:m", f"/else/a:m:last@{'0' * 64}"))
    assert departures.departures(here, there) == {}
    assert departures.departures(here, {"init_from": "runs/b:m"}).keys() == {"init_from"}
    assert departures.departures(here, {"init_from": "runs/a:m:best"}).keys() == {"init_from"}


@pytest.mark.parametrize("report", CLAIMS)
def test_every_config_has_its_own_published_size(report):
    for config, variant in reports.configs(report):
        made = study(config, variant)
        wanted = runs.wanted(made)
        for run in population.expand(made, lambda config: "0"):
            ours = tree.as_dict(run.config)
            assert departures.departures(ours, wanted[run.study_id]) == {}, run.id


def test_an_unfinished_seed_takes_the_members_size(tmp_path):
    make(tmp_path / "a", study("r0_optimizer"), as_published, leave_out=["R0-opt-sgd.s1"])
    (trained,) = found_of(tmp_path)["r0_optimizer"]
    assert not trained.at_size("R0-opt-sgd") and trained.at_size("R0-opt-adam")


def test_the_run_of_the_published_size_speaks_first(tmp_path):
    make(tmp_path / "a", study("r0_optimizer", "quick"), as_published)
    make(tmp_path / "b", study("r0_optimizer"), as_published)
    make(tmp_path / "c", study("r0_loss"), lambda member, seed: 0.5)
    found = found_of(tmp_path)["r0_optimizer"]
    assert [trained.variant for trained in found] == ["published", "quick"]


def test_rows_that_differ_in_many_settings_are_called_by_their_ids(tmp_path):
    make(tmp_path / "a", study("r0_loss"), lambda member, seed: 0.8)
    (trained,) = found_of(tmp_path, "r0_loss")["r0_loss"]
    assert trained.run.records.series[:2] == ("R0-loss-ce", "R0-loss-ls")
    assert trained.run.records.seeds == 3


def test_claims_are_judged_by_sign_and_by_value(tmp_path):
    make(tmp_path / "a", study("r0_optimizer"), as_published)
    rows = {row[0]: row for row in page.verdicts(CLAIMS["R0"], found_of(tmp_path)).rows}
    adam = rows["Adam beats sign-SGD (difference)"]
    assert adam[1:6] == ("r0_optimizer:published", "points", "5.78", "5.78", "3")
    assert adam[-1] == "reproduced" and adam[-2] == "0.0000" or adam[-2].startswith("<")
    assert rows["The best settings reach 91.53 %"][-1] == Verdict.NOT_RUN.value
    make(tmp_path / "b", study("r0_best"), lambda member, seed: 0.95 + SPREAD[seed])
    both = reports.find(tmp_path, {n: study(n) for n in ("r0_optimizer", "r0_best")})
    rows = {row[0]: row for row in page.verdicts(CLAIMS["R0"], both).rows}
    assert rows["The best settings reach 91.53 %"][-1] == Verdict.CONTRADICTED.value


@pytest.mark.parametrize("report", CLAIMS)
def test_every_claim_names_members_and_measures_that_exist(report):
    wanted = {cell for claim in CLAIMS[report] for cell in claim.cells}
    members = {name: {m.id for m in study(name).members} for name in {c.config for c in wanted}}
    for cell in wanted:
        assert cell.member in members[cell.config], cell
        assert cell.row is MEASURES[cell.measure.partition("@")[0]]
    for claim in CLAIMS[report]:
        assert claim.cells and bool(claim.sign) == (claim.value is None)


def evaluated(config, variant, member):
    """Epochs at whose end a member is scored, by the run's own plan; on a GPU none is counted."""
    runs = population.expand(study(config, variant), lambda config: "0")
    run = next(run for run in runs if run.study_id == member)
    made = plan.make_plan([run], images(tree.as_dict(run.config)).train, GPU)
    epochs = [epoch + place / phase.steps_per_epoch for step in made.events.evaluate
              for phase in [next(p for p in made.phases if step <= p.stop)]
              for epoch, place in [phase.locate(step)]]  # fmt: skip
    return np.array(epochs)


@pytest.mark.parametrize("report", CLAIMS)
def test_every_epoch_that_is_looked_up_is_evaluated(report):
    variants = dict(reports.configs(report))
    rows = [line for t in reference.load(report.lower())["tables"] for line in lines.lines(t)]
    asked = {cell for row in (*CLAIMS[report], *rows) for cell in row.cells}
    asked = {(cell.config, cell.member, cell.epoch) for cell in asked if cell.epoch is not None}
    assert len(asked) >= {"R0": 2, "R1": 2, "R3": 4}.get(report, 0)
    for config, member, epoch in asked:
        there = evaluated(config, variants[config], member)
        assert np.isclose(there, epoch).any(), (config, member, epoch, there[:9])


def test_only_what_is_counted_exactly_has_no_resolution():
    assert {name for name, row in MEASURES.items() if row.resolution == 0} == {"parameters"}
    steps = {claim.text[:10]: claim.resolution for report in CLAIMS for claim in CLAIMS[report]}
    assert steps["Most FCNN "] == 1 / 8 and steps["Adam beats"] == 1e-4
    assert steps["Focal loss"] == 1.0 and steps["CANet has "] == 0.0


def test_seeds_that_reach_an_accuracy_in_the_same_epoch_prove_little(tmp_path):
    """Of four epochs focal loss reaches 80 % in the third, cross entropy in the last: t is 6."""
    made = study("r0_loss")
    make(tmp_path / "a", made, lambda member, seed: 1.07 if member == "R0-loss-focal" else 0.8)
    rows = page.verdicts(CLAIMS["R0"], found_of(tmp_path, "r0_loss")).rows
    focal = next(row for row in rows if row[0].startswith("Focal loss is fast"))
    assert focal[4:8] == ("-1.0", "3", "-2.4 to 0.4", f"{2 * stats.t.sf(6, 2):.4f}")


def test_measures_read_the_curves(tmp_path):
    make(tmp_path / "a", study("r0_optimizer"), lambda member, seed: 0.8 + 0.01 * seed)
    (trained,) = found_of(tmp_path)["r0_optimizer"]

    def value(measure):
        return measures.values(trained, Cell("r0_optimizer", "R0-opt-sgd", measure))[1]

    assert value("val_accuracy") == pytest.approx(0.81)
    assert value("train_accuracy@2") == pytest.approx(0.405)
    assert value("epochs_to@0.6") == 3 and np.isnan(value("epochs_to@0.9"))
    assert value("rise_after@2") == pytest.approx(0.405)
    assert value("train_loss") == 0.5 and value("rebound") == 0.0
    assert value("test_peak") == pytest.approx(0.81)  # the test set selects in :published
    assert np.isnan(value("val_accuracy@9")) and np.isnan(value("calibration_error"))


def test_pages_are_the_same_bytes_and_name_no_place(tmp_path):
    make(tmp_path / "runs" / "a", study("r0_optimizer", "quick"), as_published)
    studies = {s.config: study(s.config, s.variant) for s in reports.configs("R0")}
    written = []
    for out in ("one", "two"):
        found = reports.find(tmp_path / "runs", studies)
        paths = reports.write(reference.load("r0"), found, tmp_path / out)
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    text = written[0][0].decode()
    assert "/secret/place" not in text and "is not of the published size" in text
    assert "Not run. Its config is configs/r0\\_loss.py:published" in text or "r0_loss.py" in text
    assert all(len(content) < 3_000_000 for content in written[0])


def test_published_sizes_are_those_of_the_report_s_table():
    found = pictures.published_sizes(reference.load("r1"), "r1_models")
    assert len(found) == 9
    assert ("R1-canet", 6_289_574, 0.935) in found
    assert pictures.published_sizes(reference.load("r1"), "r1_regularisation") == []


def test_every_chosen_figure_exists_and_has_a_caption():
    names = {name for config in (*pictures.OF_CONFIG, "r2_fcnn", "r3_grid")
             for name in pictures.chosen(config)}  # fmt: skip
    assert names <= {*figures.FIGURES, *figures.INSIDE} and names <= {*CAPTIONS}
    configs = {source.config for report in CLAIMS for source in reports.configs(report)}
    assert {*pictures.OF_CONFIG} <= configs


@pytest.mark.parametrize("report", CLAIMS)
def test_a_report_without_runs_says_so_and_judges_nothing(report):
    found = reference.load(report.lower())
    document = page.document(found, {}, {})
    texts = [block.text for block in document.blocks if hasattr(block, "kind")]
    assert sum(text.startswith("Not run.") for text in texts) == len(found["tables"])
    verdicts = page.verdicts(CLAIMS[report], {})
    assert {row[-1] for row in verdicts.rows} == {Verdict.NOT_RUN.value}
