"""Loss functions, one table: adding one is a function and a row."""

from jaxcifar.losses.functions import l1_norm
from jaxcifar.losses.table import LOSSES, make_loss

__all__ = ["LOSSES", "l1_norm", "make_loss"]
