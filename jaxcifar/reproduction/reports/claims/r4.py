"""R4: BatchNorm and the step schedule in a ConvNet of 100 channels."""

from jaxcifar.reproduction.reports.claims.statement import Claim, close, itself
from jaxcifar.reproduction.reports.measures import PLAIN, Cell


def _run(name: str, measure: str = "test_last") -> Cell:
    return Cell("r4_ablation", f"R4-{name}", measure)


CLAIMS: tuple[Claim, ...] = (
    close("The step schedule brings 0.62 points, not significant (difference)",
          _run("bn-step"), _run("bn-const"), 0.0062),
    close("BatchNorm brings 1.41 points, not necessary at this size (with the schedule minus one "
          "BatchNorm without it, as the report compares)",
          _run("bn-step"), _run("ablate-bn"), 0.0141),
    close("BatchNorm, like for like (both without the schedule)",
          _run("bn-const"), _run("ablate-bn"), 0.0079),
    Claim("Without BatchNorm activation norms grow exponentially with depth (slope of the "
          "logarithm of the norm, a layer, at initialisation)",
          (_run("none", "rms_slope"),), None, 1, itself, PLAIN),
)  # fmt: skip
