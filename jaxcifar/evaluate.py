"""``python -m jaxcifar.evaluate``: trained networks back from checkpoints, and their score."""

import sys
from collections.abc import Sequence

from jaxcifar import cli
from jaxcifar.core.errors import UserError
from jaxcifar.evaluation.trained import load, predict, restore, score_group
from jaxcifar.records import study_file

__all__ = ["load", "main", "predict", "restore", "score_group"]

COMMAND = cli.Command(
    "python -m jaxcifar.evaluate --workdir DIR [--member ID] "
    "[--which best|last|swa|ema|step:N] [--config.data.dir=DIR]",
    "Scores the test set with a run's trained weights, of one member or of all.\n"
    "--config.data.dir says where the images lie now, if not where they were in training.",
    flags=("workdir", "member", "which"), required=("workdir",), fields=("data.dir",),
)  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = cli.command(argv, COMMAND)
    workdir, which = flags.run_folder(), flags.plain.get("which", "best")
    data_dir = dict(flags.overrides).get("data.dir")
    given = flags.plain.get("member")
    names = list(study_file.members(workdir)) if given is None else [given]
    scores: dict[str, tuple[float, float]] = {}
    refused: dict[str, UserError] = {}
    for name in names:
        try:
            scores |= {} if name in scores else score_group(workdir, name, which, data_dir)
        except UserError as error:  # such as of a member that diverged: the others have scores
            refused[name] = error
    if not scores:
        raise refused[names[0]]
    for name in names:
        print(f"{name}: {_line(scores[name], which) if name in scores else refused[name]}")  # noqa: T201
    return 2 if refused else 0


def _line(score: tuple[float, float], which: str) -> str:
    loss, accuracy = score
    return f"test accuracy {100 * accuracy:.2f} %, loss {loss:.4f} nats ({which})"


if __name__ == "__main__":
    sys.exit(cli.run(main))
