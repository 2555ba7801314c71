"""torchvision's own classes, adapted to 32x32 images and ten classes."""

import sys
from typing import Any

from torch import library as operators
from torch import nn

DECLARED = operators.Library("torchvision", "FRAGMENT")
"""Operators live as long as the object that declared them."""


def torchvision_models() -> Any:
    """torchvision.models, also where its compiled operators belong to another build of PyTorch.

    The networks need none of those operators; the import only asks that two of them are declared.
    """
    try:
        from torchvision import models
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            DECLARED.define(f"{operator}(Tensor dets, Tensor scores, float threshold) -> Tensor")
        from torchvision import models
    return models


def resnet(depth: int) -> nn.Module:
    """ResNet-18, 34 or 50 with a 3x3 stem of stride 1 and no pooling after it."""
    net = getattr(torchvision_models(), f"resnet{depth}")(num_classes=10)
    net.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    net.maxpool = nn.Identity()
    return net


def mobilenet_v2(dropout_rate: float = 0.2) -> nn.Module:
    """MobileNetV2 with a stem of stride 1."""
    net = torchvision_models().mobilenet_v2(num_classes=10, dropout=dropout_rate)
    net.features[0][0] = nn.Conv2d(3, 32, 3, 1, 1, bias=False)
    return net


def shufflenet_v2() -> nn.Module:
    """ShuffleNetV2 x0.5, stem and all."""
    return torchvision_models().shufflenet_v2_x0_5(num_classes=10)


def vgg11(dropout_rate: float = 0.5) -> nn.Module:
    """VGG-11 on images that are not resized: its pooling copies one value 49 times."""
    return torchvision_models().vgg11(num_classes=10, dropout=dropout_rate)


def vgg16() -> nn.Module:
    """VGG-16-BN's features and one linear layer (the common CIFAR form)."""
    net = torchvision_models().vgg16_bn(num_classes=10)
    net.avgpool, net.classifier = nn.Identity(), nn.Linear(512, 10)
    return net
