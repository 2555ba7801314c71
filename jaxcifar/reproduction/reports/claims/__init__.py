"""What the five reports claim, and what of it runs measure: a row a claim."""

from jaxcifar.reproduction.reports.claims import r0, r1, r2, r3, r4
from jaxcifar.reproduction.reports.claims.statement import Claim

__all__ = ["CLAIMS", "Claim"]

CLAIMS: dict[str, tuple[Claim, ...]] = {
    "R0": r0.CLAIMS, "R1": r1.CLAIMS, "R2": r2.CLAIMS, "R3": r3.CLAIMS, "R4": r4.CLAIMS,
}  # fmt: skip
