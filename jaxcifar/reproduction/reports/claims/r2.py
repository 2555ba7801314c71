"""R2: dense, convolutional and residual encoders; masks, pre-training, CIFAR ResNets."""

from collections.abc import Iterable

import numpy as np

from jaxcifar.reproduction.reports.claims.statement import (
    Claim,
    Seeds,
    alike,
    higher,
    highest,
    lower,
)
from jaxcifar.reproduction.reports.lines import PRINTED
from jaxcifar.reproduction.reports.measures import PERCENT, PLAIN, Cell
from jaxcifar.reproduction.verdicts import differences

REBOUND = 0.02  # nats of test loss above its lowest value; less is no overfitting
MARGIN = 0.005  # of test accuracy: a loss of less is no harm
FCNN = ("sgd-5e-3", "sgd-1e-3", "sgdwm-1e-3", "sgdwm-5e-4",
        "adam-5e-5", "adam-1e-5", "adamw-5e-5", "adamw-1e-5")  # fmt: skip
SMALL = ("sgd-1e-3", "sgd-3e-4", "sgdwm-1e-3", "sgdwm-3e-4",
         "adam-3e-5", "adam-1e-5", "adamw-3e-5", "adamw-1e-5")  # fmt: skip
DEEP = tuple(
    f"{network}-{run}-wd{decay}"
    for network in ("rn08", "rn16")
    for run in ("sgdwm-1e-3", "adamw-1e-4")
    for decay in ("1e-3", "1e-4")
)
PRETRAIN = ("adamw-2e-4-wd2e-2", "adamw-2e-4-wd0")


def _run(figure: str, name: str, measure: str = "test_last") -> Cell:
    return Cell(f"r2_{figure.replace('-', '_')}", f"R2-{figure}-{name}", measure)


def _peak(text: str, figure: str, names: Iterable[str], published: float) -> Claim:
    """The claim of a figure's highest test accuracy over all its runs and epochs."""
    cells = tuple(_run(figure, name, "test_peak") for name in names)
    return Claim(text, cells, published, combine=highest, unit=PERCENT, slack=PRINTED)


def _share_that_rebounds(*rebounds: Seeds) -> Seeds:
    """Of each seed, the share of runs that end `REBOUND` above their lowest loss, minus 1/2."""
    return tuple(
        float(np.mean(np.array(row) > REBOUND)) - 0.5 if np.isfinite(row).all() else np.nan
        for row in zip(*rebounds, strict=True)
    )


def _within_margin(first: Seeds, second: Seeds) -> Seeds:
    """Of each seed, the difference plus `MARGIN`: above 0 where the first loses less than that."""
    return tuple(gap + MARGIN for gap in differences(first, second))


CLAIMS: tuple[Claim, ...] = (
    Claim(f"Most FCNN runs overfit (share of its runs whose test loss ends {REBOUND:g} nats above "
          "its lowest, minus 1/2)",
          tuple(_run("fcnn", name, "rebound") for name in FCNN), None, 1, _share_that_rebounds,
          PLAIN, step=1 / len(FCNN)),
    higher("SGD stagnates, with momentum for longer (epochs to 15 %, difference)",
           _run("fcnn", "sgdwm-1e-3", "epochs_to@0.15"),
           _run("fcnn", "sgd-1e-3", "epochs_to@0.15")),
    _peak("The FCNN reaches about 54 %", "fcnn", FCNN, 0.54),
    _peak("The ConvEncoder reaches about 70 %", "conve", SMALL, 0.70),
    _peak("RN-04 reaches about 77 %", "rn04", SMALL, 0.77),
    _peak("Depth helps, to about 82 % with RN-08 and RN-16", "rn0816", DEEP, 0.82),
    higher("Depth helps (RN-16 minus RN-08, AdamW 1e-4, decay 1e-4)",
           _run("rn0816", "rn16-adamw-1e-4-wd1e-4"), _run("rn0816", "rn08-adamw-1e-4-wd1e-4")),
    higher("A slight gain from weight decay on RN-16 (AdamW 1e-4, 1e-3 minus 1e-4)",
           _run("rn0816", "rn16-adamw-1e-4-wd1e-3"), _run("rn0816", "rn16-adamw-1e-4-wd1e-4")),
    higher("A slight gain from weight decay on RN-08 (AdamW 1e-4, 1e-3 minus 1e-4)",
           _run("rn0816", "rn08-adamw-1e-4-wd1e-3"), _run("rn0816", "rn08-adamw-1e-4-wd1e-4")),
    alike("None in the Tanh figure (Tanh, AdamW 1e-4, 1e-2 minus 0)",
          _run("rn16-tanh", "tanh-adamw-1e-4-wd1e-2"), _run("rn16-tanh", "tanh-adamw-1e-4-wd0")),
    lower("A slight loss at a high value (LeakyReLU, AdamW 1e-3, 1e-1 minus 0)",
          _run("rn16-sigmoid", "leaky-adamw-1e-3-wd1e-1"),
          _run("rn16-sigmoid", "leaky-adamw-1e-3-wd0")),
    lower("Sigmoid fails (below LeakyReLU, AdamW 1e-3, no decay)",
          _run("rn16-sigmoid", "sigmoid-adamw-1e-3-wd0"),
          _run("rn16-sigmoid", "leaky-adamw-1e-3-wd0")),
    higher("Batches of 16 give a noisier test loss (change from evaluation to evaluation in the "
           "second half, 16 minus 128, LeakyReLU, AdamW 1e-4, decay 1e-1)",
           _run("rn16-lu", "leaky-adamw-1e-4-wd1e-1", "loss_roughness"),
           _run("rn16-sigmoid", "leaky-adamw-1e-4-wd1e-1", "loss_roughness")),
    Claim("BatchNorm with dropout does no harm (RN-16 on whole images, with minus without dropout "
          f"of colours, plus a margin of {100 * MARGIN:g} points)",
          (_run("heavy-rn-rr", "rn16-adamw-1e-4-wd1e-2"),
           _run("heavy-rn-rr", "rn16-nodrop-adamw-1e-4-wd1e-2")), None, 1, _within_margin),
    lower("Masks over-regularise (running training accuracy below the test accuracy, RR-16)",
          _run("mask-rn-rr", "rr16-adamw-3e-4-wd3e-2", "train_accuracy"),
          _run("mask-rn-rr", "rr16-adamw-3e-4-wd3e-2", "test_last")),
    _peak("71 % from a random 10 % of the pixels", "pretrain", PRETRAIN, 0.71),
    higher("RR is a step forward from RN (masked images, AdamW 3e-4)",
           _run("mask-rn-rr", "rr16-adamw-3e-4-wd3e-2"),
           _run("mask-rn-rr", "rn16-adamw-3e-4-wd3e-2")),
    alike("Fine-tuning only catches up after three times the epochs (RR-32, masks then whole "
          "images for 300 epochs, minus whole images alone for 100)",
          _run("finetune", "adamw-2e-3-cosine"), _run("heavy-rn-rr", "rr32-adamw-1e-4-wd1e-2")),
    # C12 names uncleared gradients as the reason; the source's recipe does not clip them either
    lower("The CIFAR ResNet falls short of its source's 91.73 % (as run, gradients clipped and not "
          "cleared, minus the source's recipe; the reason is not measured)",
          _run("repo", "rcog20-sgdwm-steps-1e-1-wd1e-4", "test_best"),
          _run("depth", "20", "test_best"), 0.8936 - 0.9173),
)  # fmt: skip
