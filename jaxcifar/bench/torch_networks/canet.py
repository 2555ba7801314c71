"""CANet: two convolution paths under spatial and channel attention, a shared unit transform."""

import itertools

import torch
from torch import nn

SIZES = {"tiny": (16, 27), "light": (32, 54), "base": (64, 108), "pro": (128, 216)}
BLOCKS = ((1, 7), (1, 7), (2, 5), (1, 5), (2, 3), (2, 3))  # stride, spatial-attention kernel


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Odd kernels are padded to keep the size, even ones not at all; no bias."""
    pad = kernel // 2 if kernel % 2 else 0
    return nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=False)


class SpatialAttention(nn.Module):
    """x * sigmoid(conv([mean over channels, max over channels]))."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = conv(2, 1, kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The attended map."""
        pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.conv(pooled))


class ChannelAttention(nn.Module):
    """x * sigmoid(sum of weighted 1-D convolutions, kernels 3, 5, 7, along the channel means)."""

    def __init__(self) -> None:
        super().__init__()
        for kernel in (3, 5, 7):
            layer = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
            setattr(self, f"conv{kernel}", layer)
        self.mix = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The attended map."""
        means = x.mean((2, 3))[:, None, :]
        parts = [self.conv3(means), self.conv5(means), self.conv7(means)]
        gate = sum(w * part for w, part in zip(self.mix, parts, strict=True))
        return x * torch.sigmoid(gate).transpose(1, 2)[..., None]


class Block(nn.Module):
    """relu(BN3(U(SA(a)) a + U(SE(b)) b + down(x))), one U for both branches."""

    def __init__(self, inputs: int, outputs: int, stride: int, kernel: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(inputs, outputs), conv(outputs, outputs, 3, stride)
        self.conv3, self.conv4 = conv(inputs, outputs), conv(outputs, outputs, 3, stride)
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(outputs) for _ in range(3))
        self.sa, self.se = SpatialAttention(kernel), ChannelAttention()
        self.unit = nn.Sequential(
            conv(outputs, outputs // 2, 1), nn.ReLU(), conv(outputs // 2, outputs, 1), nn.Sigmoid()
        )
        down = conv(inputs, outputs, 3) if stride == 1 else conv(inputs, outputs, 2, 2)
        self.down = nn.Sequential(down, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        a = torch.relu(self.bn1(self.conv2(torch.relu(self.conv1(x)))))
        b = torch.relu(self.bn2(self.conv4(torch.relu(self.conv3(x)))))
        gated = self.unit(self.sa(a)) * a + self.unit(self.se(b)) * b
        return torch.relu(self.bn3(gated + self.down(x)))


class CANet(nn.Module):
    """res_0 ... res_5, bn, fc1, fc2."""

    def __init__(self, w: int, hidden: int) -> None:
        super().__init__()
        widths = (3, w, w, 2 * w, 2 * w, 4 * w, 4 * w)
        pairs = itertools.pairwise(widths)
        for i, (sizes, (stride, kernel)) in enumerate(zip(pairs, BLOCKS, strict=True)):
            setattr(self, f"res_{i}", Block(*sizes, stride, kernel))
        self.bn = nn.BatchNorm2d(4 * w)
        self.fc1, self.fc2 = nn.Linear(16 * w, hidden), nn.Linear(hidden, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of NCHW images."""
        for i in range(len(BLOCKS)):
            x = getattr(self, f"res_{i}")(x)
        x = self.bn(nn.functional.adaptive_avg_pool2d(x, 2))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))
