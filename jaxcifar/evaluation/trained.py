"""Trained networks back from checkpoints, what they say of images, and their score."""

from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxcifar.config import Config
from jaxcifar.core import files, setup
from jaxcifar.core.errors import UserError

if TYPE_CHECKING:
    from jaxcifar.checkpoints.trained_weights import Kept
    from jaxcifar.core.types import Program

PORTIONS = (1, 4, 16, 64, 256)
"""How many images a network is asked at once; fewer are filled up, so that few programs answer."""


class _Pair(NamedTuple):
    model: Any
    variables: dict[str, Any]


class Network(_Pair):
    """A trained network, held in memory: unpacks as ``model, variables``, and predicts.

    ``model`` is the Flax module, ``variables`` {"params", "batch_stats"} as NumPy arrays;
    ``model.apply(variables, images, train=False)`` gives (N, 10) logits of normalised images,
    (N, 32, 32, 3) float. ``config`` is what it was trained with.

    >>> model, variables = network = jaxcifar.load("runs/mine", "lr=0.001")
    >>> network.predict(images).argmax(axis=1)
    """

    config: Config
    program: "Program"

    def predict(self, images: Any) -> np.ndarray:
        """What the network says of images, which are normalised as it was trained.

        The first call of a size compiles; sizes between `PORTIONS` share a program.

        Args:
            images: (N, 32, 32, 3) uint8, not normalised.

        Returns: (N, 10) probabilities, float32.

        Raises: UserError: other images, or an answer that is not finite.

        >>> jaxcifar.load("runs/mine", "lr=0.001").predict(images).argmax(axis=1)
        """
        import jax

        from jaxcifar.core import switches

        images, program = _checked(images), self.program
        size = next((size for size in PORTIONS if size >= len(images)), PORTIONS[-1])
        answer = _answer(self.model, program.mean, program.std, program.dtype)
        starts = range(0, max(len(images), 1), size)
        with switches.fixed():
            variables = jax.device_put(self.variables)
            parts = [
                answer(variables, _filled(images[start : start + size], size)) for start in starts
            ]
        found = np.concatenate([np.asarray(part) for part in parts])[: len(images)]
        if not np.isfinite(found).all():
            raise UserError(
                f"the network's answers on {(~np.isfinite(found)).any(1).sum()} of {len(images)} "
                "images are not finite\nask another member, or train at a lower learning rate"
            )
        return found


def restore(workdir: Path | str, member: str, which: str = "best") -> "Kept":
    """The weights of a member's group, verified against their manifest and read through Orbax.

    Args:
        workdir: a run folder.
        member: id of a member.
        which: "best" (on the selection split), "last", "swa" or "ema" (averaged weights of a run
            that is over), or "step:N" for a kept checkpoint.

    Returns: ``members`` of the group, their ``configs``, and ``weights`` {"params", "batch_stats"},
        NumPy, leaves (M, ...).

    Raises: UserError: no such folder, member, checkpoint or kind; the member diverged before such
        weights came to be. IntegrityError: damaged bytes; it names what else is whole.
    """
    from jaxcifar.checkpoints import trained_weights

    return trained_weights.locate(files.given(workdir), member, which)


def load(workdir: Path | str, member: str, which: str = "best") -> Network:
    """A trained network, to be held: it has a `predict` of its own.

    Args:
        workdir: a run folder.
        member: id of a member.
        which: "best" (on the selection split), "last", "swa" or "ema" (averaged weights of a run
            that is over), or "step:N" for a kept checkpoint.

    Returns: a `Network`, which unpacks as the Flax module and its variables {"params",
        "batch_stats"}, NumPy arrays. The images that ``model.apply`` takes are normalised,
        (N, 32, 32, 3) float; those of ``predict`` are uint8.

    Raises: UserError: no such folder, member, checkpoint or kind; the member diverged before such
        weights came to be. IntegrityError: damaged bytes; it names what else is whole.

    >>> model, variables = jaxcifar.load("runs/mine", "lr=0.001")
    >>> logits = model.apply(variables, normalised, train=False)
    """
    restored = restore(workdir, member, which)
    config = restored.configs[member]
    setup.prepare(config.deterministic)
    from jaxcifar import models
    from jaxcifar.planning import resolve

    resolved = resolve.resolve(config)
    options = dict(resolved.program.options) | resolved.numbers["model"]
    model = models.make_model(config.model.name, dtype=config.dtype, **options)
    network = Network(model, restored.of(member))
    network.config, network.program = config, resolved.program
    return network


def predict(
    workdir: Path | str, member: str, images: Any, which: str = "best"
) -> np.ndarray:  # fmt: skip
    """What a trained network says of images, which are normalised as it was trained.

    The few networks that were asked last stay in memory, as long as their files are the same.

    Args:
        workdir: a run folder.
        member: id of a member.
        images: (N, 32, 32, 3) uint8, not normalised.
        which: as of `load`.

    Returns: (N, 10) probabilities, float32.

    Raises: UserError: other images, or an answer that is not finite; as `load`.

    >>> jaxcifar.predict("runs/mine", "lr=0.001", images).argmax(axis=1)
    """
    images = _checked(images)
    from jaxcifar.checkpoints import seals, trained_weights

    workdir = files.given(workdir).absolute()
    path = trained_weights.find(workdir, member, which).path
    return _held(workdir, member, which, path, seals.stamp(path)).predict(images)


@lru_cache(maxsize=4)
def _held(workdir: Path, member: str, which: str, path: Path, stamp: Any) -> Network:
    """The network; `path` and `stamp` tell when it is another."""
    return load(workdir, member, which)


@cache
def _answer(
    model: Any, mean: tuple[float, ...], std: tuple[float, ...], dtype: str
) -> Callable[..., Any]:
    """(variables, (N, 32, 32, 3) uint8) -> (N, 10) probabilities: compiled once for each N."""
    import jax

    from jaxcifar import augment

    @jax.jit
    def answer(variables: Any, images: jax.Array) -> jax.Array:
        pixels = augment.normalise(images, mean, std, dtype)
        return jax.nn.softmax(model.apply(variables, pixels, train=False))

    return answer


def _filled(images: np.ndarray, size: int) -> np.ndarray:
    """`images` with black ones behind them, `size` in all."""
    return np.concatenate([images, np.zeros((size - len(images), 32, 32, 3), np.uint8)])


def _checked(images: Any) -> np.ndarray:
    dtype, shape = getattr(images, "dtype", None), getattr(images, "shape", None)
    if dtype is None or shape is None:
        raise UserError(
            f"images are of type {type(images).__name__}\nallowed: an array, uint8 (N, 32, 32, 3)\n"
            "write np.stack([np.asarray(image) for image in images])"
        )
    if dtype != "uint8" or len(shape) != 4 or tuple(shape[1:]) != (32, 32, 3):
        found = f"{dtype} {tuple(shape)}"
        raise UserError(f"images are {found}\nallowed: uint8 (N, 32, 32, 3), not normalised")
    return np.asarray(images)


def score_group(
    workdir: Path | str, member: str, which: str, data_dir: str | None = None
) -> dict[str, tuple[float, float]]:
    """Test loss (nats) and accuracy of those in one member's group that have such weights.

    The whole group runs through the program that trained it, so the numbers are those of
    summary.json to the last bit.

    Args:
        workdir, member, which: as of `restore`.
        data_dir: where the images lie now; None = where they were in training, else where
            CIFAR-10 is usually looked for.

    Raises: UserError: the images found are not those that it was trained on, or the loss is not
        finite; as `restore`.
    """
    restored = restore(workdir, member, which)
    setup.prepare(restored.configs[member].deterministic)
    from jaxcifar import programs
    from jaxcifar.core import switches
    from jaxcifar.evaluation import group_images, scoring
    from jaxcifar.planning import prepare

    trained = prepare.group_at(restored.group, restored.runs, data_dir)
    program, batch = trained.plan.phases[-1].program, trained.plan.score_batch
    with switches.fixed():
        weights = programs.place(restored.weights, program)
        numbers = programs.place(trained.plan.phases[-1].numbers, program)
        test = group_images.test_images(trained)
        loss, accuracy, _ = scoring.examine(program, weights, numbers, test, batch)
    rows = {name: (float(loss[m]), float(accuracy[m])) for m, name in enumerate(restored.members)}
    if not np.isfinite(rows[member][0]):
        raise UserError(
            f"member {member!r} has no score with its {which!r} weights: its loss is "
            f"{rows[member][0]}\ntrain it at a lower learning rate"
        )
    return {
        name: row for name, row in rows.items() if name not in restored.lost and np.isfinite(row[0])
    }
