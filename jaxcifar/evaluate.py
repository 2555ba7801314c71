"""``python -m jaxcifar.evaluate``: trained networks back from checkpoints, and their score."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcifar import cli
from jaxcifar.core.errors import UserError
from jaxcifar.evaluation.trained import load, predict, restore, score_group

__all__ = ["load", "main", "predict", "restore", "score_group"]

USAGE = "python -m jaxcifar.evaluate --workdir DIR [--member ID] [--which best|last|swa|ema|step:N]"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    if "--help" in argv or "-h" in argv:
        print(f"{USAGE}\n\n{__doc__}")  # noqa: T201
        return 0
    plain = cli.split_flags(argv, ("workdir", "member", "which")).plain
    if "workdir" not in plain:
        raise UserError(f"which run folder?\n{USAGE}")
    from jaxcifar.checkpoints.trained_weights import member_configs

    workdir, which = Path(plain["workdir"]), plain.get("which", "best")
    names = [plain["member"]] if "member" in plain else list(member_configs(workdir))
    scores: dict[str, tuple[float, float]] = {}
    for name in names:
        if name not in scores:
            scores |= score_group(workdir, name, which)
    for name in names:
        loss, accuracy = scores[name]
        print(f"{name}: test accuracy {100 * accuracy:.2f} %, loss {loss:.4f} nats ({which})")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
