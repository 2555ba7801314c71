"""R2: what else the code configures and no figure shows. Never published.

    python -m jaxcifar.train --config configs/r2_unplotted.py[:published|:asrun|:quick]

RN-16 and RR-16 at more pairs of rate and decay than `r2_heavy_rn_rr.py` has, on the same images;
and the networks of figure 12, beside them RR-20, with the activations that figure 12 leaves out, at
its settings. The code names neither images nor optimizers for them: these are inferred. Variants:
`jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import (
    QUICK,
    R2,
    R2_ASRUN,
    R2_DROPPED,
    R2_PUBLISHED,
    R2_REPO,
    r2_grid,
    study,
)

BASE = replace(R2, {"data.augment": ("heavy",)})
ENCODERS = {"rn16": {"model.name": "rn16"} | R2_DROPPED, "rr16": {"model.name": "rr16"}}
PAIRS = [("adamw", *pair) for pair in ((5e-4, 1e-2), (5e-4, 5e-3), (1e-4, 1e-3))]
NETWORKS = {
    f"{name}-{activation}": R2_REPO | {
        "model.name": model, "model.activation": {"leaky": "leaky_relu"}.get(activation, activation)
    }
    for name, model, activations in (
        ("rr20", "rr20", ("relu", "leaky")), ("rc20", "cifar_resnet20", ("leaky",)),
        ("rci20", "rci20", ("relu", "silu")),
    )
    for activation in activations
}  # fmt: skip
RUNS = (("sgdwm-steps", 0.1, 1e-4), ("adamw", 1e-4, 1e-4))
ROWS = r2_grid("R2-unplotted", ENCODERS, PAIRS) | r2_grid("R2-unplotted", NETWORKS, RUNS)
NARROW = {
    row: {"model.channels": 4, "model.hidden": 8}
    for row, changes in ROWS.items()
    if changes["model.name"] in ("rn16", "rr16", "rr20")
}


def get_config(variant: str | None = None) -> Study:
    """Sixteen members."""
    return study(
        "r2_unplotted", BASE, ROWS, variant, published=R2_PUBLISHED, asrun=R2_ASRUN,
        quick=QUICK | {"data.n_train": 711}, only={"quick": NARROW},
    )  # fmt: skip
