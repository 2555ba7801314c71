"""Every network in PyTorch, with the state-dict names of its usual implementation.

Written from the papers' and reports' layer tables, apart from the package; what torchvision has
is torchvision's own class. ``build(name, **options)`` takes the package's names and options.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from jaxcifar.bench.torch_networks import canet, library, plain, residual, study

BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "cnn": plain.Cnn,
    "vgg_a": plain.VggA,
    "vgg_a_light": plain.VggALight,
    "vgg_a_dropout": partial(plain.VggA, dropout_rate=0.5),
    "convnet_r4": plain.ConvNet,
    "resnet_r0": partial(residual.ThreeStage, activation="silu", stem_activation="quirk"),
    "resnet_r3": partial(residual.ThreeStage, stem_bn=False),
    "rci20": residual.SwappedResNet,
    "preact_resnet18": residual.PreActResNet18,
    "wrn28_10": residual.WideResNet,
    "fcnn": study.Fcnn,
    "conv_encoder": study.ConvEncoder,
    "vgg16": library.vgg16,
    "vgg11": library.vgg11,
    "mobilenet_v2": library.mobilenet_v2,
    "shufflenet_v2_x0_5": library.shufflenet_v2,
}
BUILDERS |= {f"resnet{depth}": partial(library.resnet, depth) for depth in (18, 34, 50)}
BUILDERS |= {f"canet_{size}": partial(canet.CANet, w, h) for size, (w, h) in canet.SIZES.items()}
BUILDERS |= {f"rn{n}": partial(study.ResidualNet, n) for n in (4, 8, 16)}
BUILDERS |= {f"rr{n}": partial(study.ReinjectedNet, n) for n in (16, 20, 32)}
BUILDERS |= {
    f"cifar_resnet{6 * n + 2}": partial(residual.CifarResNet, n) for n in (3, 5, 7, 9, 18, 200)
}


def build(name: str, **options: Any) -> nn.Module:
    """The network called `name`; dropout is off, whatever its rate in training."""
    net = BUILDERS[name](**options)
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return net
