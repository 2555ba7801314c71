"""The networks of the depth-and-regularisation study: dense, encoder, residual, re-injected.

Each has one activation, `activation`, called in many places: its PReLU is one number.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from jaxcifar.bench.torch_networks.activations import Use
from jaxcifar.bench.torch_networks.activations import activation as make_activation


class Fcnn(nn.Module):
    """layers.N = flatten, [linear, act] x (1 + depth), linear."""

    def __init__(
        self,
        activation: str = "leaky_relu",
        width: int = 256,
        depth: int = 8,
        dropout_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation = make_activation(activation)
        sizes = (3072, *[width] * (depth + 1))
        pairs = [(nn.Linear(i, o), Use(self.activation)) for i, o in itertools.pairwise(sizes)]
        body = itertools.chain.from_iterable(pairs)
        self.layers = nn.Sequential(nn.Flatten(), *body, nn.Linear(width, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        return self.layers(x)


def encoder(
    inputs: int, act: nn.Module, channels: Sequence[int], strides: Sequence[int]
) -> nn.Sequential:
    """[conv 3x3 without bias, act, max-pool 3] x 3, flatten, linear."""
    layers: list[nn.Module] = []
    for (i, o), stride in zip(itertools.pairwise((inputs, *channels)), strides, strict=True):
        layers += [nn.Conv2d(i, o, 3, stride, 1, bias=False), Use(act), nn.MaxPool2d(3)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1], 10))


class ConvEncoder(nn.Module):
    """encoder.N, see `encoder`."""

    def __init__(
        self,
        activation: str = "leaky_relu",
        channels: Sequence[int] = (64, 64, 32),
        strides: Sequence[int] = (1, 1, 1),
    ) -> None:
        super().__init__()
        self.activation = make_activation(activation)
        self.encoder = encoder(3, self.activation, channels, strides)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        return self.encoder(x)


class ResBlock(nn.Module):
    """z = BN(conv(act(BN(conv(x))))); the sum with the first `channels` of x, no activation."""

    def __init__(self, inputs: int, channels: int, hidden: int, act: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, hidden, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.act, self.channels = Use(act), channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        z = self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))
        return x[:, : self.channels] + z


class ResidualNet(nn.Module):
    """RN: conv (1x1), blocks.N, encoder.N."""

    extra = 0

    def __init__(
        self,
        n: int,
        activation: str = "leaky_relu",
        channels: int = 16,
        hidden: int = 32,
        input_dropout2d: float = 0.0,  # never on here
    ) -> None:
        super().__init__()
        self.activation = make_activation(activation)
        self.conv = nn.Conv2d(3, channels, 1, bias=False)
        wide = channels + self.extra
        blocks = (ResBlock(wide, channels, hidden, self.activation) for _ in range(n))
        self.blocks = nn.Sequential(*blocks)
        self.encoder = encoder(channels, self.activation, (64, 64, 32), (1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        return self.encoder(self.blocks(self.conv(x)))


class ReinjectedNet(ResidualNet):
    """RR: the image joins the channels before every block."""

    extra = 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        h = self.conv(x)
        for block in self.blocks:
            h = block(torch.cat([h, x], 1))
        return self.encoder(h)
