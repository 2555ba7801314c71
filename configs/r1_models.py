"""R1, main table: four sizes of CANet against library networks, with parameters.

    python -m jaxcifar.train --config configs/r1_models.py[:published|:asrun|:quick]

AdamW for 56 epochs, SGD for 14. Histograms of the weights are recorded, and the networks looked
into after training (`eval.probes`). Variants: `jaxcifar.config.reports`; :published and :asrun
score the validation part every 50 steps, as the report did.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R1, R1_ASRUN, R1_PUBLISHED, R1_QUICK, study

# C10: CANet as the report's diagram and code have it, which its parameter counts confirm
BASE = replace(R1, {"eval.histograms": True, "eval.probes": True})
ROWS = {
    "R1-shufflenet": {"model.name": "shufflenet_v2_x0_5"},
    "R1-canet-tiny": {"model.name": "canet_tiny"},
    "R1-canet-light": {"model.name": "canet_light"},
    "R1-mobilenetv2": {"model.name": "mobilenet_v2"},
    "R1-canet": {"model.name": "canet_base"},
    "R1-resnet18": {"model.name": "resnet18"},
    "R1-resnet34": {"model.name": "resnet34"},
    "R1-canet-pro": {"model.name": "canet_pro"},
    "R1-vgg11": {"model.name": "vgg11"},
}
LARGE = {"data.n_train": 142, "data.n_test": 200}  # up to 1 G multiply-accumulates an image
QUICK = dict.fromkeys(("R1-canet", "R1-resnet18", "R1-resnet34", "R1-vgg11"), LARGE) | {
    "R1-canet-light": {"data.n_train": 356, "data.n_test": 500},
    "R1-canet-pro": {"data.n_train": 36, "data.n_test": 50, "train.batch_size": 32},
}


def get_config(variant: str | None = None) -> Study:
    """Nine members, each a network of its own."""
    return study(
        "r1_models", BASE, ROWS, variant, published=R1_PUBLISHED, asrun=R1_ASRUN, quick=R1_QUICK,
        only={"quick": QUICK},
    )  # fmt: skip
