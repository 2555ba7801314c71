"""Weights & Biases: one run a member, online or offline, continued under the same id.

The key comes from ``WANDB_API_KEY`` alone: no config, flag or record ever holds it. Whatever else
the library reads from its own environment variables (project, entity, mode) stays with it.
"""

import html
import io
import os
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from jaxcifar.core.errors import UserError
from jaxcifar.records import formats
from jaxcifar.trackers.writer import Histogram, Subject

OFFLINE = ("offline", "dryrun", "disabled")
SECONDS = 60  # to wait for the service at most


def check() -> None:
    """Raises: UserError: it would go online and the environment has no key."""
    if os.environ.get("WANDB_MODE") not in OFFLINE and not os.environ.get("WANDB_API_KEY"):
        raise UserError(
            "--tracker wandb goes online, but the environment has no WANDB_API_KEY\n"
            "set it, or write to the run folder alone with WANDB_MODE=offline"
        )


def open_run(subject: Subject) -> "Run | None":
    """A member's run, new or continued; None where a finished one holds everything already."""
    mark = subject.workdir / "wandb" / "jaxcifar" / f"{subject.id}.json"
    held = formats.read_json(mark) or {"id": uuid.uuid4().hex[:12], "step": -1, "complete": False}
    return None if held["complete"] else Run(subject, mark, held)


class Run:
    """A member's run. Its id and the last step sent are marked in the run folder.

    A row is sent once: those up to the mark are not sent again by a process that continues, and
    the service itself passes over steps that do not rise.
    """

    def __init__(self, subject: Subject, mark: Path, held: Mapping[str, Any]) -> None:
        import wandb

        self._wandb, self._mark, self._id = wandb, mark, held["id"]
        self.reached = self._held = held["step"]
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or subject.study,
            group=subject.workdir.name, name=subject.id, id=held["id"], dir=str(subject.workdir),
            resume="allow", reinit="create_new", save_code=False,
            settings=wandb.Settings(console="off", silent=True, init_timeout=SECONDS),
        )  # fmt: skip
        self._write_mark(complete=False)

    def hyperparameters(self, values: Mapping[str, object], metrics: Sequence[str]) -> None:
        """The run's config."""
        self._run.config.update(dict(values), allow_val_change=True)

    def scalars(self, values: Mapping[str, float], step: int, wall_time: float) -> None:
        """A row of the run's history."""
        self._log(dict(values), step)

    def histogram(self, name: str, values: Histogram, step: int, wall_time: float) -> None:
        """A histogram with the bins that were counted."""
        made = self._wandb.Histogram(np_histogram=(values.counts, values.edges))
        self._log({name: made}, step)

    def text(self, name: str, text: str, step: int) -> None:
        """A panel of preformatted text."""
        self._log({name: self._wandb.Html(f"<pre>{html.escape(text)}</pre>")}, step)

    def figure(self, name: str, png: bytes) -> None:
        """A picture, after whatever came before it."""
        self._run.log({name: self._wandb.Image(Image.open(io.BytesIO(png)))})

    def artifact(self, name: str, write: Callable[[Path], None]) -> None:
        """A version of the artifact that bears the run's id."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            write(path)
            made = self._wandb.Artifact(f"{self._id}-{path.stem}", type="model")
            made.add_file(str(path))  # copied at once
            self._run.log_artifact(made)

    def flush(self) -> None:
        """Mark how far the run is."""
        self._write_mark(complete=False)

    def close(self, complete: bool) -> None:
        """Send what is left."""
        self._run.finish()
        self._write_mark(complete)

    def _log(self, values: dict[str, Any], step: int) -> None:
        """Enter values at a step, or after the last that an earlier process sent."""
        self._run.log(values, **({"step": step} if step > self._held else {}))

    def _write_mark(self, complete: bool) -> None:
        content = {"id": self._id, "step": self.reached, "complete": complete}
        formats.write_json(self._mark, content)
