"""What a run does not show, derived from its records by rules."""

from jaxcifar.core.wording import listed, plural
from jaxcifar.report.run_records import Run
from jaxcifar.report.tables import diverged, landscape


def not_claimed(run: Run) -> tuple[str, ...]:
    """One sentence or two for each thing that a reader might conclude and should not."""
    rules = (_data, _size, _selection, _seeds, _unfinished, _diverged, _landscape, _code)
    said = [sentence for rule in rules for sentence in rule(run)]
    return (*said, "Seconds and images/s are those of this run on its machine, whatever else ran "
            "there. They are no benchmark.")  # fmt: skip


def _data(run: Run) -> list[str]:
    label = run.config["data"]["label"]
    said = []
    if "synthetic" in label:
        said.append(
            "The images are synthetic, generated from a seed. No number or figure here says "
            "anything about CIFAR-10."
        )
    if "JPEG" in label:
        said.append(
            "The images went through JPEG compression and are not the published CIFAR-10 pixels. "
            "Accuracies can be compared with published ones only roughly."
        )
    if "unrecognised" in label:
        said.append(
            "The bytes of the images are not those of the published CIFAR-10. "
            "What they hold is known by their fingerprint alone."
        )
    return said


def _size(run: Run) -> list[str]:
    said = []
    if widths := [width for width in run.settings("model.width") if width != 1]:
        factors = listed([f"{width:g}" for width in widths])
        said.append(f"channel counts are multiplied by {factors}")
    for key, what in (("n_train", "training"), ("n_test", "test")):
        if limits := run.settings(f"data.{key}"):
            said.append(f"only {listed([f'{n:,}' for n in limits])} {what} images are drawn on")
    if run.config.get("variant") == "quick":
        said.append("the variant is quick, made to be short")
    sentence = "This is not the published size"
    return [f"{sentence}: {'; '.join(said)}. It cannot confirm or refute published results."
            ] if said else []  # fmt: skip


def _selection(run: Run) -> list[str]:
    on = run.settings("select_on")
    said = []
    if "test" in on:
        said.append(
            "The test set chose the best epoch. The test accuracy of the best weights is therefore "
            "too high as an estimate for unseen images; that of the last weights is not chosen."
        )
    if "validation_augmented" in on:
        said.append(
            "The selection accuracy is measured on randomly augmented validation images. It is not "
            "comparable with accuracies on clean ones."
        )
    if {"train", "train_augmented"} & {*on}:
        said.append(
            "The training images chose the best epoch, so that no split guarded against "
            "overfitting."
        )
    return said


def _seeds(run: Run) -> list[str]:
    count = run.config.get("seeds", 1)
    if count == 1:
        return [
            "One seed per member: there is no interval, and no difference between members is "
            "shown to be larger than that between seeds."
        ]
    return [
        f"The intervals are over {plural(count, 'seed')} on one split of one data set and assume "
        "normal scatter. They do not cover other data and are not corrected for their number."
    ]


def _unfinished(run: Run) -> list[str]:
    if not run.unfinished:
        return []
    return [f"Unfinished: {listed(run.unfinished)}. Their numbers, and what compares with them, "
            "will change."]  # fmt: skip


def _diverged(run: Run) -> list[str]:
    lost = [entry["id"] for entry in run.entries if diverged(run, entry["id"]) is not None]
    if not lost:
        return []
    return [
        f"Diverged: {listed(lost)}. They have no final accuracy; means and bands are over the "
        "runs that are left and look better for it."
    ]


def _landscape(run: Run) -> list[str]:
    if landscape(run) is None:
        return []
    return [
        "The loss bands span independent trainings at different learning rates. They are no probe "
        "of the loss along the gradient and measure no smoothness constant."
    ]


def _code(run: Run) -> list[str]:
    commit = run.environment.get("commit")
    if not commit:
        return ["The commit is not recorded, so the code that made this cannot be named."]
    if commit.endswith("-dirty"):
        return ["Files differed from the commit named above, which alone does not reproduce this."]
    return []
