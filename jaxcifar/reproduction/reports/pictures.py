"""The figures of a report's page: of every config those that the report has, in our form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxcifar import figures
from jaxcifar.core.wording import plural
from jaxcifar.figures import sizes
from jaxcifar.figures.style import save_small
from jaxcifar.report.blocks import Picture
from jaxcifar.report.captions import CAPTIONS
from jaxcifar.report.tables import split_name
from jaxcifar.reproduction.reports.runs import Trained

CURVES = ("accuracy_curves", "loss_curves")
BEST_LINES = ("accuracy_best_lines", "loss_best_lines")  # how R2 draws all of its figures
OF_CONFIG = {
    "r0_activation": (*CURVES, "first_filters", "dead_units", "sample_predictions"),
    "r0_schedule": (*CURVES, "learning_rates"),
    "r0_best": (*CURVES, "confusion_matrix", "class_accuracy"),
    "r0_swa": (*CURVES, "learning_rates"),
    "r0_resnet": (*CURVES, "learning_rates", "confusion_matrix", "class_accuracy"),
    "r1_models": (
        *CURVES, "learning_rates", "accuracy_by_size", "canet_block", "attention_weights",
        "weight_histograms", "attention_maps", "singular_values", "reliability",
    ),
    "r1_regularisation": (*CURVES, "reliability"),
    "r4_ablation": (*CURVES, "activation_rms", "dead_units"),
}  # fmt: skip


def chosen(config: str) -> tuple[str, ...]:
    """Names of the figures that a config's page shows, as far as they were recorded."""
    return OF_CONFIG.get(config, BEST_LINES if config.startswith("r2_") else CURVES)


def draw(trained: Trained, out: Path, reference: Mapping[str, Any]) -> list[Picture]:
    """Draw a run's figures to ``OUT/REPORT/RUN/NAME.png``, in a folder that is the run's alone."""
    place = f"{reference['report'].lower()}/{trained.slug}"
    records = trained.run.records
    said = f"Data: {records.data}, n = {plural(records.seeds, 'seed')}."
    beside = published_sizes(reference, trained.config)
    pictures = []
    for name, figure in figures.drawings(trained.folder, chosen(trained.config)):
        if name == "accuracy_by_size" and beside:
            figure = sizes.accuracy_by_size(records, trained.inside, beside)
        path = save_small(figure, out / place / f"{name}.png")
        caption = f"{CAPTIONS[name].format(split=split_name(trained.run))} {said}"
        pictures.append(Picture(path, f"{place}/{name}.png", "", caption))
    return pictures


def published_sizes(reference: Mapping[str, Any], config: str) -> list[sizes.Published]:
    """The rows of a config's tables with a published size and test accuracy."""
    rows = [row for table in reference["tables"] if table["config"] == config
            for row in table["rows"]]  # fmt: skip
    return [
        (row["member"], row["published"]["parameters"], row["published"]["test_best"])
        for row in rows
        if {"parameters", "test_best"} <= row["published"].keys()
    ]
