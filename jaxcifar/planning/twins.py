"""Members that would train twice: different names, and the same settings and seed."""

import json
from collections.abc import Sequence

from jaxcifar.config import source
from jaxcifar.config.population import MemberRun
from jaxcifar.config.stages import unfold
from jaxcifar.core.errors import UserError
from jaxcifar.core.wording import plural
from jaxcifar.planning import plan
from jaxcifar.planning.resolve import resolve_stages


def require_distinct(runs: Sequence[MemberRun]) -> None:
    """Make sure that no two members resolve to the same settings, seeds and images.

    An option that is given as its default is no difference.

    Raises: UserError: two do.
    """
    for rows in plan.group(runs):  # equal structure; what is left are numbers
        seen: dict[str, MemberRun] = {}
        for run in rows:
            twin = seen.setdefault(_numbers(run), run)
            if twin is not run:
                raise UserError(
                    f"members {twin.id!r} and {run.id!r} would be one run twice: the same settings "
                    f"and seed ({plural(run.config.train.epochs, 'epoch')}, seed {run.seed})\n"
                    "let them differ, or leave one out"
                )


def _numbers(run: MemberRun) -> str:
    """What sets a member apart from others of the same structure."""
    stages = zip(unfold(run.config), resolve_stages(run.config), strict=True)
    rows = [
        (row.numbers, row.schedule._asdict(), row.average, stage.config.optim.lr)
        for stage, row in stages
    ]
    first = None if run.config.init_from is None else source(run.config.init_from).content
    return json.dumps([rows, first], sort_keys=True, default=dict)
