"""ResNets for 32x32 images: option A and B, order-swapped, three stages, pre-activation, wide."""

import itertools
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, the usual name

from jaxcifar.bench.torch_networks.activations import Use
from jaxcifar.bench.torch_networks.activations import activation as make_activation


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """3x3, padded by one, no bias."""
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def projection(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Option B: 1x1 convolution and BN."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class PadShortcut(nn.Module):
    """Option A: every second row and column, a quarter of the new channels in zeros each side."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.pad = outputs // 4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C + 2 pad, H / 2, W / 2)."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))


def make_shortcut(kind: str, inputs: int, outputs: int, stride: int) -> nn.Module:
    """What is added to the residual: the input itself where shapes agree."""
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    return PadShortcut(outputs) if kind == "A" else projection(inputs, outputs, stride)


class BasicBlock(nn.Module):
    """conv, BN, act, conv, BN, + shortcut, act."""

    def __init__(self, inputs: int, outputs: int, stride: int, kind: str, act: nn.Module) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.shortcut = make_shortcut(kind, inputs, outputs, stride)
        self.act = Use(act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        y = self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))
        return self.act(y + self.shortcut(x))


class SwappedBlock(BasicBlock):
    """BN, act, conv, BN, conv (no activation before it), + shortcut, act."""

    def __init__(self, inputs: int, outputs: int, stride: int, kind: str, act: nn.Module) -> None:
        super().__init__(inputs, outputs, stride, kind, act)
        self.bn1 = nn.BatchNorm2d(inputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        y = self.conv1(self.act(self.bn1(x)))
        return self.act(self.conv2(self.bn2(y)) + self.shortcut(x))


def stage(inputs: int, outputs: int, count: int, stride: int, block: Any, *more: Any) -> nn.Module:
    """`count` blocks, the first with `stride`."""
    first = block(inputs, outputs, stride, *more)
    rest = [block(outputs, outputs, 1, *more) for _ in range(count - 1)]
    return nn.Sequential(first, *rest)


class CifarResNet(nn.Module):
    """conv1, bn1, layer1-3, linear: depth 6n + 2, widths 16/32/64; the PReLU is `activation`."""

    def __init__(
        self,
        n: int,
        activation: str = "relu",
        shortcut: str = "A",
        block: Any = BasicBlock,
    ) -> None:
        super().__init__()
        self.activation = make_activation(activation)
        self.conv1, self.bn1 = conv3x3(3, 16), nn.BatchNorm2d(16)
        more = (block, shortcut, self.activation)
        self.layer1 = stage(16, 16, n, 1, *more)
        self.layer2 = stage(16, 32, n, 2, *more)
        self.layer3 = stage(32, 64, n, 2, *more)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        x = self.activation(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class SwappedResNet(CifarResNet):
    """The order-swapped network of 20 layers: names as `CifarResNet`."""

    def __init__(self, activation: str = "leaky_relu", input_dropout2d: float = 0.0) -> None:
        super().__init__(3, activation, block=SwappedBlock)


class ThreeStage(nn.Module):
    """conv1, (bn1), layer1-3 of two blocks each, linear: widths 64/128/256."""

    def __init__(
        self, activation: str = "relu", stem_activation: str = "same", stem_bn: bool = True
    ) -> None:
        super().__init__()
        quirk = "silu" if activation == "silu" else "gelu"
        self.stem_act = make_activation(quirk if stem_activation == "quirk" else activation)
        act = make_activation(activation)
        self.conv1 = conv3x3(3, 64)
        self.bn1 = nn.BatchNorm2d(64) if stem_bn else nn.Identity()
        self.layer1 = stage(64, 64, 2, 1, BasicBlock, "B", act)
        self.layer2 = stage(64, 128, 2, 2, BasicBlock, "B", act)
        self.layer3 = stage(128, 256, 2, 2, BasicBlock, "B", act)
        self.linear = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        x = self.stem_act(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class PreActBlock(nn.Module):
    """BN, ReLU, conv, BN, ReLU, conv, + shortcut (of the activated input where shapes change)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs)
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        y = F.relu(self.bn1(x))
        kept = self.shortcut(y) if hasattr(self, "shortcut") else x
        return self.conv2(F.relu(self.bn2(self.conv1(y)))) + kept


class PreActResNet18(nn.Module):
    """conv1, layer1-4, linear; the common CIFAR form has no BN before the head, the paper `bn`."""

    def __init__(self, final_bn: bool = False) -> None:
        super().__init__()
        self.conv1 = conv3x3(3, 64)
        widths = (64, 64, 128, 256, 512)
        for i, (inputs, outputs) in enumerate(itertools.pairwise(widths), start=1):
            setattr(self, f"layer{i}", stage(inputs, outputs, 2, 1 if i == 1 else 2, PreActBlock))
        self.bn = nn.BatchNorm2d(512) if final_bn else None
        self.linear = nn.Linear(512, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        x = x if self.bn is None else F.relu(self.bn(x))
        return self.linear(x.mean((2, 3)))


class WideBlock(nn.Module):
    """As `PreActBlock`, with the names of the usual wide ResNet."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs)
        self.convShortcut = (
            None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        y = F.relu(self.bn1(x))
        kept = x if self.convShortcut is None else self.convShortcut(y)
        return self.conv2(F.relu(self.bn2(self.conv1(y)))) + kept


class WideStage(nn.Module):
    """Four blocks under the name `layer`."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.layer = stage(inputs, outputs, 4, stride, WideBlock)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The stage's output."""
        return self.layer(x)


class WideResNet(nn.Module):
    """WRN-28-10 (arXiv:1605.07146) without dropout: conv1, block1-3.layer.N, bn1, fc."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv3x3(3, 16)
        self.block1 = WideStage(16, 160, 1)
        self.block2 = WideStage(160, 320, 2)
        self.block3 = WideStage(320, 640, 2)
        self.bn1, self.fc = nn.BatchNorm2d(640), nn.Linear(640, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))
