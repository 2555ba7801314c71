"""What a run looks at while it trains."""

from dataclasses import dataclass

from jaxcifar.config.fields import check_types, duration, require
from jaxcifar.core.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeConfig:
    """How often training looks at its next step, and at what; it trains as without.

    Along the gradient it looks at ``weights - size * gradient`` for every step size, whatever the
    optimizer does then: it costs a gradient for each size and one more. Covariate shift is by the
    step's own update: it costs a gradient for each layer, normalisations among them.
    Distributions of activations cost about two forward passes.
    """

    every: str | None = None  # a span, first before the first step: '50 steps'; None = never
    lr: float | None = None  # step sizes are multiples of it; None = 0.1
    factors: tuple[float, ...] | None = None  # the multiples, rising; None = 8 from 1/2 to 4
    shift_every: str | None = None  # covariate shift of every layer: a span as `every`
    activations_every: str | None = None  # distributions of every layer's outputs: likewise

    def __post_init__(self) -> None:
        check_types(self, "probe.")
        for span in (self.every, self.shift_every, self.activations_every):
            if span is not None:
                duration(span)
        for name in ("lr", "factors"):
            value = getattr(self, name)
            if value is not None and self.every is None:
                raise UserError(
                    f"probe.{name}={value!r} has no effect without probe.every\n"
                    "give --config.probe.every='50 steps', or leave it out"
                )
        ok = self.lr is None or 0 < self.lr < float("inf")
        require(ok, "probe.lr", self.lr, "a finite number above 0")
        factors = self.factors
        ok = factors is None or bool(factors and 0 < factors[0] and factors[-1] < float("inf"))
        ok &= factors is None or list(factors) == sorted(set(factors))
        require(ok, "probe.factors", factors, "finite numbers above 0 in rising order")

    @property
    def sizes(self) -> tuple[float, ...]:
        """The step sizes."""
        lr = 0.1 if self.lr is None else self.lr
        factors = [0.5 * 8 ** (k / 7) for k in range(8)] if self.factors is None else self.factors
        return tuple(lr * factor for factor in factors)
