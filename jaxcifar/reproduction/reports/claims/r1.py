"""R1: CANet against library networks; what its weights look like."""

from jaxcifar.reproduction.reports.claims.statement import (
    Claim,
    centred,
    close,
    higher,
    itself,
    lower,
)
from jaxcifar.reproduction.reports.measures import PLAIN, Cell


def _model(name: str, measure: str = "test_best") -> Cell:
    return Cell("r1_models", f"R1-{name}", measure)


def _without(change: str, measure: str = "test_best") -> Cell:
    return Cell("r1_regularisation", f"R1-canet-tiny-{change}", measure)


BASE = Cell("r1_regularisation", "R1-canet-tiny-control")

CLAIMS: tuple[Claim, ...] = (
    close("CANet reaches ResNet18's accuracy with fewer parameters (difference of accuracies)",
          _model("canet"), _model("resnet18"), 0.005),
    close("CANet_pro reaches ResNet34's accuracy (difference)",
          _model("canet-pro"), _model("resnet34"), 0.0),
    lower("CANet has fewer parameters than ResNet18 (difference)",
          _model("canet", "parameters"), _model("resnet18", "parameters"), 6_289_574 - 11_173_962),
    lower("CANet converges faster than ResNet34 (epochs to 80 %, difference)",
          _model("canet", "epochs_to@0.8"), _model("resnet34", "epochs_to@0.8")),
    # every 50 of 176 steps: of the early epochs only the 25th ends with an evaluation
    higher("CANet generalises better in fewer epochs than larger networks (selection accuracy "
           "after epoch 25 of 70, CANet minus ResNet34)",
           _model("canet", "val_accuracy@25"), _model("resnet34", "val_accuracy@25")),
    higher("Label smoothing improves calibration (expected calibration error, without minus with)",
           _without("no-smoothing", "calibration_error"),
           BASE._replace(measure="calibration_error")),
    lower("Dropout does not help (difference from without)", _without("dropout"), BASE),
    lower("Colour augmentation does not help (difference from without)", _without("jitter"), BASE),
    lower("Rotation does not help (difference from without)", _without("rotation"), BASE),
    centred("Convolution weights are centred at 0 (mean over their standard deviation)",
            _model("canet", "conv_centre")),
    Claim("Spatial-attention weights are mostly from -0.1 to 0.2 (share of them, minus 1/2)",
          (_model("canet", "sa_share"),), None, 1, itself, PLAIN),
    Claim("Squeeze-excitation weights are sparse with spikes (excess kurtosis above 0)",
          (_model("canet", "se_kurtosis"),), None, 1, itself),
    centred("Unit-transform weights are symmetric (skewness)", _model("canet", "unit_skewness")),
    Claim("Unit transforms are of low rank (effective rank over the largest possible, minus 1/2; "
          "the rank is at most half the channels by construction)",
          (_model("canet", "unit_rank"),), None, -1, itself, PLAIN),
)  # fmt: skip
