"""The shapes that training is made of.

M members, S steps of a run, E evaluations, P probes along the gradient, each of K step sizes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

Tree = Any
Leaf = Any  # a jax.Array inside programs, a NumPy array on its way there
Options = tuple[tuple[str, Any], ...]


class Program(NamedTuple):
    """What selects compiled code: static, hashable, one compile per value and population size."""

    model: str
    options: Options  # structural knobs of the model, sorted by name
    optimizer: str
    accumulation: str  # of gradients between steps: "reset" or "carry"
    loss: str
    average: str  # of the weights: "none", "swa" or "ema"
    augment: tuple[tuple[str, Options], ...]  # in order, each with its structural options
    mean: tuple[float, ...]  # of the pixels in [0, 1], per channel
    std: tuple[float, ...]
    batch: int  # images a step
    shared_batch: bool  # all members see the same images, in the same augmentation
    record: tuple[str, ...]
    dtype: str  # of the computation
    lowering: str  # of convolutions
    lane: str  # "vmap": members side by side; "map": one after another inside the program
    members: int
    devices: int  # along the mesh axis "member"
    segment: int  # most steps that one call may take
    decay: str = "all"  # which weights decay: "all" or "kernels"
    data: int = 1  # devices along the mesh axis "data", over which batches are split
    batch_norm: str = "synchronised"  # or "per_shard": by which part of a split batch

    @property
    def rows(self) -> int:
        """Members on the devices, with the padding that gives each as many; never recorded."""
        return -(-self.members // self.devices) * self.devices


class Numbers(NamedTuple):
    """What members of a group may differ in: traced, every leaf is (M,) (inside a lane: scalar)."""

    optim: dict[str, Leaf]
    loss: dict[str, Leaf]
    average: dict[str, Leaf]
    model: dict[str, Leaf]  # read by the network from its "hyper" collection
    augment: dict[str, Leaf]  # by option; (M, k) where an option has k values
    l1: Leaf  # factor of the parameters' L1 norm in the training loss
    clip: Leaf  # largest global gradient norm; inf = off
    init_seed: Leaf  # int32, like the two below
    order_seed: Leaf
    augment_seed: Leaf


class TrainState(NamedTuple):
    """What a step changes: donated, every leaf has a leading member axis."""

    params: Tree
    batch_stats: Tree
    opt_state: Tree  # belongs to one phase
    average: Tree  # averaging.Average of weights, or ()
    alive: jax.Array  # bool; a member that met a non-finite number is frozen
    bad_step: jax.Array  # int32, the step at which it did; -1 = never


class Stream(NamedTuple):
    """Where a member's images come from during one segment."""

    order: jax.Array  # (V,) int32, this epoch's permutation of its visits
    augment_seed: jax.Array  # int32 scalar
    augment: dict[str, Leaf]  # as in Numbers, here so that members of one stream share the work


class Images(NamedTuple):
    """Images resident on the device: (N, 32, 32, 3) uint8 and (N,) labels 0..9."""

    images: Leaf
    labels: Leaf


class Book(NamedTuple):
    """What was seen so far (host, NumPy): inside every checkpoint, only source of the records."""

    plateau: Tree  # state of reduce-on-plateau, arrays of (M,)
    best_value: np.ndarray  # (M,) float64, of the selection accuracy; -inf = none yet
    best_step: np.ndarray  # (M,) int64, steps taken when it was reached; -1 = never
    steps: dict[str, np.ndarray]  # field -> (M, S)
    rows: dict[str, np.ndarray]  # field -> (M, E) float64, NaN where not measured yet
    seconds: np.ndarray  # float64 (1,), spent on this group so far
    histograms: dict[str, np.ndarray] = {}  # field -> (M, E + 1, ...); empty = not asked for
    probes: dict[str, np.ndarray] = {}  # field -> (M, P) or (M, P, K); empty = not asked for
    shift: dict[str, np.ndarray] = {}  # field -> (M, P, L), of L layers; likewise
    activations: dict[str, np.ndarray] = {}  # field -> (M, P, D) or (M, P, D, Q); likewise


class Cursor(NamedTuple):
    """How far a run is: `step` steps taken in all; `due` = the events of this cut still to run."""

    phase: int
    step: int
    due: bool


class Snapshot(NamedTuple):
    """Everything that a run is between two segments; a checkpoint holds just this."""

    state: TrainState
    best: Tree  # {"params", "batch_stats"} at each member's best evaluation
    book: Book
    cursor: Cursor


class Phase(NamedTuple):
    """A stretch [start, stop) of steps under one program; entering one keeps the weights.

    Phases begin and end with epochs; each may have epochs of another length.
    """

    program: Program
    numbers: Numbers
    start: int
    stop: int
    epoch: int  # epochs of the run before it
    visits: int  # images that an epoch shows: visit v is image v % N, in its (v // N)-th copy
    rates: Callable[[Any, np.ndarray], np.ndarray]  # (plateau state, steps (S,)) -> float64 (M, S)
    plateau: Tree  # PlateauState that it begins with; None = the one in force
    plateau_step: Callable[[Any, np.ndarray], Any]  # (state, validation losses (M,)) -> state

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; the last is short where the batch does not divide the images."""
        return -(-self.visits // self.program.batch)

    def locate(self, step: int) -> tuple[int, int]:
        """The run's epoch that a step belongs to, counted from 0, and its place in it."""
        epochs, place = divmod(step - self.start, self.steps_per_epoch)
        return self.epoch + epochs, place

    def batch_after(self, step: int) -> tuple[Program, int, int]:
        """What takes the step after `step`: its program, its epoch, its place in that's order."""
        epoch, place = self.locate(step)
        row = place * self.program.batch
        if row + self.program.batch > self.visits:  # the short batch that ends an epoch
            return self.program._replace(batch=self.visits - row, segment=1), epoch, row
        return self.program, epoch, row


class Events(NamedTuple):
    """Steps (counted after taking them) at which something besides training happens."""

    evaluate: tuple[int, ...]
    average: tuple[int, ...]  # where the weights join their plain mean
    save: tuple[int, ...]
    keep: tuple[int, ...]
    probe: tuple[int, ...] = ()  # along the gradient of the step that follows
    shift: tuple[int, ...] = ()  # of each layer's gradient by that step
    activations: tuple[int, ...] = ()  # of its minibatch


class Plan(NamedTuple):
    """One group, ready to run: pure data, made by the planner."""

    id: str
    members: tuple[str, ...]
    phases: tuple[Phase, ...]
    events: Events
    n_train: int
    score_batch: int
    histograms: bool = False  # of the weights, at every evaluation
    probe_sizes: tuple[float, ...] = ()  # (K,) step sizes along the gradient

    @property
    def n_step(self) -> int:
        """Steps in the whole run."""
        return self.phases[-1].stop

    def epochs_after(self, step: int) -> float:
        """Epochs that are over once `step` steps are taken, with the fraction of the last."""
        phase = next(phase for phase in self.phases if step <= phase.stop)
        return phase.epoch + (step - phase.start) / phase.steps_per_epoch

    def batch_sizes(self) -> np.ndarray:
        """(S,) images of every step: full batches, and the short one that ends an epoch."""
        parts = []
        for phase in self.phases:
            sizes = np.full(phase.steps_per_epoch, phase.program.batch)
            sizes[-1] = phase.visits - sizes[:-1].sum()
            parts.append(np.tile(sizes, (phase.stop - phase.start) // phase.steps_per_epoch))
        return np.concatenate(parts)
