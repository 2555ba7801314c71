"""The parts of a config: one frozen dataclass each, with its checks.

A component's own options default to None, "not given": the component's table owns the value, so
that an option without effect on the chosen component can be refused (see `resolution.resolve`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from jaxcifar.config.fields import check_types, duration, require


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Which images, how they are split, normalised and augmented."""

    name: Literal["cifar10", "synthetic", "gaussian"] = "cifar10"
    dir: str | None = None  # folder or archive; None = look in the usual places
    normalisation: Literal["cifar_a", "cifar_b", "cifar_c", "half", "imagenet"] = "cifar_a"
    augment: tuple[str, ...] = ()  # applied in this order, e.g. hflip,crop
    validation: float = 0.1  # fraction of the training images, in [0, 1)
    split_seed: int = 42
    n_train: int | None = None  # use only the first images (development); None = all
    n_test: int | None = None
    randaugment_n: int | None = None  # operations an image
    randaugment_m: int | None = None  # magnitude of all of them
    jitter_brightness: float | None = None  # largest change of a factor of 1
    jitter_contrast: float | None = None
    jitter_saturation: float | None = None
    rotation_degrees: float | None = None  # to either side
    erase_probability: float | None = None
    erase_area: tuple[float, float] | None = None  # bounds of the share of the image
    erase_aspect: tuple[float, float] | None = None  # bounds of height / width
    mask_size: tuple[int, ...] | None = None  # pixels; an epoch has a copy of the training set
    mask_rate: tuple[float, ...] | None = None  # for each kind of block mask, size and rate
    mask_pattern: (
        Literal[
            "centre8", "centre12", "edge8", "edge12",
            "checker4", "checker8", "checker4_inverse", "checker8_inverse",
        ] | None
    ) = None  # fmt: skip
    mix_probs: tuple[float, float] | None = None  # of mixup and of CutMix, per batch
    mix_alpha: float | None = None

    def __post_init__(self) -> None:
        check_types(self, "data.")
        require(0 <= self.validation < 1, "data.validation", self.validation, "0 <= fraction < 1")
        require(0 <= self.split_seed < 2**31, "data.split_seed", self.split_seed,
                "0 <= seed < 2**31")  # fmt: skip
        for name in ("n_train", "n_test"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"data.{name}", value, "at least 1, or None")
        for name, (holds, allowed) in _AUGMENT_RANGES.items():
            value = getattr(self, name)
            require(value is None or holds(value), f"data.{name}", value, allowed)


def _shares(values: tuple[float, ...]) -> bool:
    return len(values) > 0 and all(0 <= value <= 1 for value in values)


def _ordered(pair: tuple[float, float]) -> bool:
    return pair[0] <= pair[1]


_AUGMENT_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "randaugment_n": (lambda n: 1 <= n <= 100, "1 to 100"),
    "randaugment_m": (lambda m: 0 <= m <= 30, "0 to 30"),
    "jitter_brightness": (lambda change: change >= 0, "0 or more"),
    "jitter_contrast": (lambda change: change >= 0, "0 or more"),
    "jitter_saturation": (lambda change: change >= 0, "0 or more"),
    "rotation_degrees": (lambda degrees: 0 <= degrees <= 180, "0 to 180"),
    "erase_probability": (lambda share: 0 <= share <= 1, "0 to 1"),
    "erase_area": (lambda pair: _shares(pair) and _ordered(pair), "lower,upper, each 0 to 1"),
    "erase_aspect": (lambda pair: 0 < pair[0] and _ordered(pair), "lower,upper, both positive"),
    "mask_size": (lambda s: bool(s) and {*s} <= {1, 2, 4, 8, 16, 32}, "of 1, 2, 4, 8, 16, 32"),
    "mask_rate": (_shares, "each 0 to 1"),
    "mix_probs": (lambda pair: _shares(pair) and sum(pair) <= 1, "two shares, at most 1 together"),
    "mix_alpha": (lambda alpha: alpha > 0, "positive"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Which network and its knobs; None leaves a knob at the network's own default."""

    name: str = "cnn"
    norm: Literal["none", "batch"] | None = None
    width: float | None = None  # factor on all channel counts; of fcnn, features of a layer
    filters: tuple[int, ...] | None = None
    channels: int | tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None
    hidden: int | None = None
    depth: int | None = None
    activation: str | None = None
    leaky_slope: float | None = None
    stem_activation: Literal["quirk", "same"] | None = None
    out_activation: Literal["none", "tanh"] | None = None
    use_batchnorm: bool | None = None
    bn: tuple[bool, ...] | None = None  # BatchNorm after each convolution
    stem_bn: bool | None = None
    final_bn: bool | None = None
    shortcut: Literal["A", "B"] | None = None
    dropout_rate: float | None = None
    input_dropout2d: float | None = None  # rate at which whole colour channels are dropped
    init: str | None = None

    def __post_init__(self) -> None:
        check_types(self, "model.")
        for name in ("dropout_rate", "input_dropout2d"):
            rate = getattr(self, name)
            require(rate is None or 0 <= rate < 1, f"model.{name}", rate, "0 <= rate < 1")
        width = self.width
        require(width is None or width > 0, "model.width", width, "positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """Optimizer; its numbers are traced, so members may differ in each of them."""

    name: str = "adam"
    lr: float = 1e-3
    weight_decay: float | None = None
    decay: Literal["all", "kernels"] = "all"  # kernels: biases and BatchNorm do not decay
    momentum: float | None = None
    b1: float | None = None
    b2: float | None = None
    rho: float | None = None  # of sam: how far it looks, as a distance between weights
    clip: float | None = None  # largest global gradient norm; None = no clipping
    accumulation: Literal["reset", "carry"] = "reset"  # carry: each step adds to the clipped last

    def __post_init__(self) -> None:
        check_types(self, "optim.")
        require(self.lr >= 0, "optim.lr", self.lr, "0 or more")
        for name in ("weight_decay", "rho", "momentum", "b1", "b2"):
            value = getattr(self, name)
            top = float("inf") if name in ("weight_decay", "rho") else 1.0
            ok = value is None or 0 <= value < top
            require(ok, f"optim.{name}", value, f"0 <= {name} < {top:g}")
        require(self.clip is None or self.clip > 0, "optim.clip", self.clip, "positive, or None")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """Learning rate over epochs; a host function, so kinds never recompile anything."""

    name: str = "constant"
    step_size: int | None = None  # epochs
    milestones: tuple[int, ...] | None = None  # epochs
    factor: float | None = None
    t_max: int | None = None  # epochs; None = train.epochs
    t_0: int | None = None  # epochs of the first cycle
    t_mult: int | None = None  # how much longer every cycle is
    min_lr: float | None = None
    pct_start: float | None = None  # of one_cycle: share of the steps in which the rate rises
    div_factor: float | None = None  # of one_cycle: optim.lr, its highest rate, over the first
    final_div_factor: float | None = None  # of one_cycle: the first rate over the last
    patience: int | None = None  # epochs
    threshold: float | None = None
    threshold_mode: Literal["rel", "abs"] | None = None
    cooldown: int | None = None  # epochs
    warmup: float | None = None  # epochs of linear warm-up before the schedule begins
    swa_start: int | None = None  # epoch from whose start the rate ramps linearly to swa_lr
    swa_lr: float | None = None
    swa_ramp: int | None = None  # epochs

    def __post_init__(self) -> None:
        check_types(self, "schedule.")
        for name in ("factor", "min_lr", "threshold", "warmup", "swa_lr"):
            value = getattr(self, name)
            ok = value is None or 0 <= value < float("inf")
            require(ok, f"schedule.{name}", value, "0 or more")
        for name in ("div_factor", "final_div_factor"):
            value = getattr(self, name)
            ok = value is None or 0 < value < float("inf")
            require(ok, f"schedule.{name}", value, "positive")
        share, milestones = self.pct_start, self.milestones
        require(share is None or 0 < share < 1, "schedule.pct_start", share, "between 0 and 1")
        ok = milestones is None or (
            list(milestones) == sorted(set(milestones)) and min(milestones, default=0) > 0
        )
        require(ok, "schedule.milestones", milestones, "epochs in rising order")


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """Training criterion, also used for validation and test losses."""

    name: str = "cross_entropy"
    smoothing: float | None = None  # label smoothing, in [0, 1)
    alpha: float | None = None  # of focal loss: a factor for all classes
    gamma: float | None = None  # of focal loss: how fast well-classified examples lose weight
    l1: float | None = None  # factor of sum |p| over all parameters, added in training only

    def __post_init__(self) -> None:
        check_types(self, "loss.")
        value = self.smoothing
        require(value is None or 0 <= value < 1, "loss.smoothing", value, "0 <= smoothing < 1")
        for name in ("alpha", "gamma", "l1"):
            value = getattr(self, name)
            require(value is None or 0 <= value < float("inf"), f"loss.{name}", value, "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageConfig:
    """An average of the weights, scored beside them after training with statistics of its own."""

    name: Literal["none", "swa", "ema"] = "none"
    start: float | None = None  # of swa: the share of the epochs that comes before the first mean
    decay: float | None = None  # of ema: weight of the old average at each step

    def __post_init__(self) -> None:
        check_types(self, "average.")
        for name in ("start", "decay"):
            value = getattr(self, name)
            require(value is None or 0 <= value < 1, f"average.{name}", value, f"0 <= {name} < 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Length and batch size; the last short batch of an epoch is kept."""

    epochs: int = 20
    batch_size: int = 128
    record: tuple[str, ...] = ()  # per step: last_layer_grad, first_conv_grad_norm

    def __post_init__(self) -> None:
        check_types(self, "train.")
        require(self.epochs >= 1, "train.epochs", self.epochs, "at least 1")
        require(self.batch_size >= 1, "train.batch_size", self.batch_size, "at least 1")
        allowed = ("last_layer_grad", "first_conv_grad_norm")
        for name in self.record:
            require(name in allowed, "train.record", name, ", ".join(allowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalConfig:
    """When the population is scored, and on what besides the selection split."""

    every: str = "1 epoch"  # a span: '1 epoch', '0.5 epochs', '50 steps'
    train: bool = False  # also score the training images in eval mode, without augmentation
    histograms: bool = False  # also record histograms of the weights, on the device
    probes: bool = False  # look into the networks once after training: layers, filters, samples
    batch_size: int = 250

    def __post_init__(self) -> None:
        check_types(self, "eval.")
        duration(self.every)
        require(self.batch_size >= 1, "eval.batch_size", self.batch_size, "at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    """When training is saved (the newest two stay) and which states are kept for good."""

    save_every: str = "1 epoch"
    keep_every: str | None = None

    def __post_init__(self) -> None:
        check_types(self, "checkpoint.")
        duration(self.save_every)
        if self.keep_every is not None:
            duration(self.keep_every)
