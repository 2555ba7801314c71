"""Trained networks back from checkpoints, what they say of images, and their score."""

from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.core.errors import UserError

AT_ONCE = 500  # images: their activations need memory


class Restored(NamedTuple):
    """A group's weights of one kind, and which row belongs to whom."""

    members: tuple[str, ...]
    configs: dict[str, Any]  # member -> Config
    weights: dict[str, Any]  # params and batch_stats, NumPy, leaves (M, ...)


def restore(workdir: Path | str, member: str, which: str = "best") -> Restored:
    """The weights of a member's group, verified against their manifest and read through Orbax.

    Args:
        workdir: a run folder.
        member: id of a member.
        which: "best" (on the selection split), "last", "swa" or "ema" (averaged weights of a run
            that is over), or "step:N" for a kept checkpoint.

    Raises: UserError: no such folder, member, checkpoint or kind. IntegrityError: damaged bytes.
    """
    from jaxcifar.checkpoints import trained_weights

    kept = trained_weights.locate(Path(workdir), member, which)
    return Restored(kept.members, kept.configs, trained_weights.read(kept))


def load(workdir: Path | str, member: str, which: str = "best") -> tuple[Any, dict[str, Any]]:
    """A trained network: ``model.apply(variables, images, train=False)`` gives (N, 10) logits.

    The images that it takes are normalised, (N, 32, 32, 3) float; `predict` takes uint8.

    Args and errors: as `restore`.

    Returns: the Flax module, and its variables {"params", "batch_stats"} as NumPy arrays.
    """
    model, variables, _ = _network(workdir, member, which)
    return model, variables


def _network(workdir: Path | str, member: str, which: str) -> tuple[Any, dict[str, Any], Any]:
    """A trained network, its variables, and the Program that trained it."""
    import jax

    from jaxcifar import models
    from jaxcifar.planning import resolve

    restored = restore(workdir, member, which)
    row, config = restored.members.index(member), restored.configs[member]
    resolved = resolve.resolve(config)
    options = dict(resolved.program.options) | resolved.numbers["model"]
    model = models.make_model(config.model.name, dtype=config.dtype, **options)
    return model, jax.tree.map(lambda leaf: leaf[row], restored.weights), resolved.program


def predict(workdir: Path | str, member: str, images: Any, which: str = "best") -> Any:
    """What a trained network says of images, which are normalised as it was trained.

    Args:
        workdir, member, which: as of `restore`.
        images: (N, 32, 32, 3) uint8.

    Returns: (N, 10) probabilities, float32.

    Raises: UserError: other images; as `restore`.
    """
    import jax
    import jax.numpy as jnp

    from jaxcifar import augment

    if images.dtype != "uint8" or images.shape[1:] != (32, 32, 3):
        found = f"{images.dtype} {tuple(images.shape)}"
        raise UserError(f"images are {found}\nallowed: uint8 (N, 32, 32, 3), not normalised")
    model, variables, program = _network(workdir, member, which)

    @jax.jit
    def apply(images: jax.Array) -> jax.Array:
        pixels = augment.normalise(images, program.mean, program.std, program.dtype)
        return jax.nn.softmax(model.apply(variables, pixels, train=False))

    starts = range(0, max(len(images), 1), AT_ONCE)
    return jnp.concatenate([apply(images[start : start + AT_ONCE]) for start in starts])


def score_group(workdir: Path, member: str, which: str) -> dict[str, tuple[float, float]]:
    """Test loss (nats) and accuracy of every member of one member's group.

    The whole group runs through the program that trained it, so the numbers are those of
    summary.json to the last bit. Raises: UserError: the test images are not those it was
    trained beside.
    """
    from jaxcifar import programs
    from jaxcifar.evaluation import group_images, scoring
    from jaxcifar.planning import prepare

    restored = restore(workdir, member, which)
    trained = prepare.job_of(workdir, restored.members)
    program = trained.plan.phases[-1].program
    weights = programs.place(restored.weights, program)
    numbers = programs.place(trained.plan.phases[-1].numbers, program)
    test = group_images.test_images(trained)
    loss, accuracy, _ = scoring.examine(program, weights, numbers, test, trained.plan.score_batch)
    return {name: (float(loss[m]), float(accuracy[m])) for m, name in enumerate(restored.members)}
