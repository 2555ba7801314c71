"""R3: optimizers, learning rates and batch sizes of a residual CNN."""

from jaxcifar.reproduction.reports.claims.statement import Claim, Seeds, higher
from jaxcifar.reproduction.reports.measures import Cell
from jaxcifar.reproduction.verdicts import differences


def _run(name: str, measure: str = "test_last") -> Cell:
    return Cell("r3_grid", f"R3-{name}", measure)


def _less_lost(high: Seeds, low: Seeds, other_high: Seeds, other_low: Seeds) -> Seeds:
    """Of each seed, what the first loses from its high to its low, minus what the other loses."""
    return differences(differences(high, low), differences(other_high, other_low))


CLAIMS: tuple[Claim, ...] = (
    higher("Adam beats SGD at 0.001 (batches of 128, difference)", _run("1-batch128"), _run("2"),
           0.8634 - 0.7661),
    higher("Adam beats SGD at 0.0005 (difference)", _run("3"), _run("4"), 0.8552 - 0.7235),
    higher("Adam beats SGD at 0.0001 (difference)", _run("5"), _run("6"), 0.8168 - 0.5352),
    higher("A higher rate converges faster, Adam (accuracy after epoch 3, 0.001 minus 0.0001)",
           _run("1-batch128", "train_accuracy@3"), _run("5", "train_accuracy@3")),
    higher("A higher rate converges faster, SGD (accuracy after epoch 3, 0.001 minus 0.0001)",
           _run("2", "train_accuracy@3"), _run("6", "train_accuracy@3")),
    higher("SGD collapses at 0.0001 (what is lost from 0.001 on)", _run("2"), _run("6"),
           0.7661 - 0.5352),
    Claim("Adam does not: it loses less than SGD there (what SGD loses from 0.001 on minus what "
          "Adam loses)",
          (_run("2"), _run("6"), _run("1-batch128"), _run("5")),
          (0.7661 - 0.5352) - (0.8634 - 0.8168), 1, _less_lost),
    higher("Batch 32 is better than 128 with Adam at 0.001 (difference)",
           _run("1"), _run("1-batch128")),
)  # fmt: skip
