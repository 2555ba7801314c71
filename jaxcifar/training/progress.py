"""What a run says while it trains: a bar on a terminal or in a notebook, lines elsewhere."""

import time
from typing import TextIO

import numpy as np
from tqdm import tqdm

from jaxcifar.core import console
from jaxcifar.core.types import Plan, Snapshot


class Progress:
    """Tells how far a group is. Nothing it measures flows back into the run."""

    def __init__(self, plan: Plan, first: int, stream: TextIO | None = None) -> None:
        self.stream = stream or console.live()
        self.began, self.first = time.perf_counter(), first
        self.bar = None
        if self.stream.isatty():
            self.bar = tqdm(
                total=plan.n_step, initial=first, desc=plan.id, unit="step", file=self.stream
            )

    def __call__(self, plan: Plan, snapshot: Snapshot) -> None:
        """Tell the state at a cut: every cut moves the bar, every evaluation is a line."""
        step = snapshot.cursor.step
        if self.bar is not None:
            self.bar.update(step - self.bar.n)
            self.bar.set_postfix_str(progress_line(plan, snapshot), refresh=True)
        elif step in plan.events.evaluate and not snapshot.cursor.due:
            elapsed = time.perf_counter() - self.began
            rate = elapsed / max(step - self.first, 1)
            images = plan.phases[0].program.batch * len(plan.members) / rate
            left = rate * (plan.n_step - step)
            self.stream.write(
                f"{plan.id}: {progress_line(plan, snapshot)}, {images:,.0f} images/s, "
                f"{tqdm.format_interval(left)} left\n"
            )
            self.stream.flush()

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self.bar is not None:
            self.bar.close()


def progress_line(plan: Plan, snapshot: Snapshot) -> str:
    """``epoch 1.5/20 step 50/800, loss 1.2..1.9, val 41..52 %``: ranges over the members."""
    step, book = snapshot.cursor.step, snapshot.book
    epoch, epochs = (plan.epochs_after(at) for at in (step, plan.n_step))
    words = [f"epoch {epoch:.3g}/{epochs:.3g} step {step}/{plan.n_step}"]
    if step:
        words.append("loss " + _range(book.steps["loss"][:, step - 1], "{:.3f}"))
    done = np.flatnonzero(np.isfinite(book.rows["step"][0]))
    if done.size:
        accuracy = 100 * book.rows["val_accuracy"][:, done[-1]]
        words.append(f"val {_range(accuracy, '{:.1f}')} %")
    frozen = int((~np.isfinite(book.steps["loss"][:, step - 1])).sum()) if step else 0
    if frozen:
        words.append(f"{frozen} diverged")
    return ", ".join(words)


def _range(values: np.ndarray, form: str) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "not finite"
    low, high = form.format(finite.min()), form.format(finite.max())
    return low if low == high else f"{low}..{high}"
