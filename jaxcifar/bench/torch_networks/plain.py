"""Networks that are one sequence: the conditioned CNN, VGG-A and kin, the 3x3/5x5 ConvNet."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from jaxcifar.bench.torch_networks.activations import Use
from jaxcifar.bench.torch_networks.activations import activation as make_activation

PLAN_A = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")


def dense_stack(sizes: Sequence[int]) -> Iterable[nn.Module]:
    """Linear, ReLU, Linear, ReLU, ..., Linear."""
    for inputs, outputs in zip(sizes[:-2], sizes[1:-1], strict=True):
        yield from (nn.Linear(inputs, outputs), nn.ReLU())
    yield nn.Linear(*sizes[-2:])


class Cnn(nn.Module):
    """features.N = [conv, (BN), act, pool] x 3; classifier.N = [linear, act, drop] x 2, linear."""

    def __init__(
        self,
        filters: Sequence[int] = (64, 128, 256),
        activation: str = "relu",
        leaky_slope: float = 0.1,
        use_batchnorm: bool = True,
        dropout_rate: float = 0.0,
        out_activation: str = "none",
    ) -> None:
        super().__init__()
        self.activation = act = make_activation(activation, leaky_slope)
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *filters), filters, strict=False):
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            layers += [nn.BatchNorm2d(outputs)] if use_batchnorm else []
            layers += [Use(act), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        dense: list[nn.Module] = []
        for inputs, outputs in ((16 * filters[2], 512), (512, 256)):
            dense += [nn.Linear(inputs, outputs), Use(act), nn.Dropout(dropout_rate)]
        self.classifier = nn.Sequential(*dense, nn.Linear(256, 10))
        self.squash = torch.tanh if out_activation == "tanh" else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs of NCHW images."""
        return self.squash(self.classifier(self.features(x).flatten(1)))


class VggA(nn.Module):
    """Names as torchvision's VGG: features.N, classifier.N (dropout, where used, counts)."""

    def __init__(
        self, norm: str = "none", width: float = 1.0, dropout_rate: float | None = None
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, hidden = 3, round(512 * width)
        for entry in PLAN_A:
            if entry == "M":
                layers.append(nn.MaxPool2d(2))
                continue
            outputs = round(int(entry) * width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            layers += [nn.BatchNorm2d(outputs)] if norm == "batch" else []
            layers.append(nn.ReLU())
            inputs = outputs
        self.features = nn.Sequential(*layers)
        dense = list(dense_stack((hidden, hidden, hidden, 10)))
        if dropout_rate is not None:
            drops = [nn.Dropout(dropout_rate), nn.Dropout(dropout_rate)]
            dense = [drops[0], *dense[:2], drops[1], *dense[2:]]
        self.classifier = nn.Sequential(*dense)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        return self.classifier(self.features(x).flatten(1))


class VggALight(nn.Module):
    """stage1.0, stage2.0 (convolutions), classifier.N."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.stage2 = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(*dense_stack((32 * 8 * 8, 128, 128, 10)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        return self.classifier(self.stage2(self.stage1(x)).flatten(1))


class ConvNet(nn.Module):
    """features.N = [conv, (BN), ReLU] x 7 unpadded; classifier.N = linear 128, 64, 10."""

    def __init__(self, bn: Sequence[bool] = (True,) * 6) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        kernels, widths = (3, 5, 5, 5, 5, 5, 5), (3, 100, 100, 100, 100, 100, 100, 10)
        for i, kernel in enumerate(kernels):
            layers.append(nn.Conv2d(widths[i], widths[i + 1], kernel))
            layers += [nn.BatchNorm2d(widths[i + 1])] if (*bn, False)[i] else []
            layers.append(nn.ReLU())
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(*dense_stack((360, 128, 64, 10)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        return self.classifier(self.features(x).flatten(1))
