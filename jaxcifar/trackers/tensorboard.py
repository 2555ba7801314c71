"""TensorBoard event files, one folder a member; no TensorFlow.

``tensorboardX`` makes the protocol buffers and frames them. Its `SummaryWriter` is not used: it
writes from a thread that a full disk would end unseen, and then blocks whoever adds points.
"""

import io
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from jaxcifar.trackers.writer import Histogram, Subject

FOLDER = "tensorboard"


class EventFile:
    """A member's points in ``tensorboard/<member>/``, written anew by every process.

    The records hold every point since the run began, so that a file made from them again can
    neither double nor lose one, whatever the process before it was killed at. The mark at its
    beginning tells a TensorBoard that is watching to drop what it has seen.
    """

    reached = -1

    def __init__(self, subject: Subject) -> None:
        from tensorboardX import event_file_writer, proto, summary

        self._proto, self._summary, self._end = proto, summary, None
        folder = subject.workdir / FOLDER / subject.id
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._file = event_file_writer.EventsWriter(str(folder / "events"))
        restart = proto.event_pb2.SessionLog(status=proto.event_pb2.SessionLog.START)
        self._write(0, time.time(), session_log=restart)

    def hyperparameters(self, values: Mapping[str, object], metrics: Sequence[str]) -> None:
        """The head of the member's row in the HPARAMS table."""
        experiment, start, self._end = self._summary.hparams(dict(values), dict.fromkeys(metrics))
        self._write(0, time.time(), summary=experiment)
        self._write(0, time.time(), summary=start)

    def scalars(self, values: Mapping[str, float], step: int, wall_time: float) -> None:
        """Numbers as float32, as TensorBoard holds them."""
        for name, value in values.items():
            self._write(step, wall_time, summary=self._summary.scalar(name, value))

    def histogram(self, name: str, values: Histogram, step: int, wall_time: float) -> None:
        """A histogram with the bins that were counted."""
        number = int(values.counts.sum())
        made = self._summary.histogram_raw(
            name, values.low, values.high, number, values.mean * number,
            (values.std**2 + values.mean**2) * number,
            values.edges[1:].tolist(), values.counts.tolist(),
        )  # fmt: skip
        self._write(step, wall_time, summary=made)

    def text(self, name: str, text: str, step: int) -> None:
        """Markdown of a code block: TensorBoard renders Markdown."""
        block = "\n".join(f"    {line}" for line in text.splitlines())
        self._write(step, time.time(), summary=self._summary.text(name, block))

    def figure(self, name: str, png: bytes) -> None:
        """The picture's own bytes, not encoded again."""
        width, height = Image.open(io.BytesIO(png)).size
        kind = self._proto.summary_pb2.Summary
        image = kind.Image(height=height, width=width, colorspace=4, encoded_image_string=png)
        self._write(0, time.time(), summary=kind(value=[kind.Value(tag=name, image=image)]))

    def artifact(self, name: str, write: Callable[[Path], None]) -> None:
        """Event files keep no files: nothing is made."""

    def flush(self) -> None:
        """Write through to the disk."""
        self._file.flush()

    def close(self, complete: bool) -> None:
        """Close the file; a finished member's row in the HPARAMS table says so."""
        if complete and self._end is not None:
            self._write(0, time.time(), summary=self._end)
        self._file.close()

    def _write(self, step: int, wall_time: float, **content: Any) -> None:
        event = self._proto.event_pb2.Event(step=step, wall_time=wall_time, **content)
        self._file.write_event(event)
