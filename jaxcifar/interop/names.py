"""Where each of our arrays lies in a PyTorch state dict: one list of rules a family.

A rule is a pattern and what replaces it, tried in order on paths such as
``stage1_rest_0/conv1/kernel``; patterns match at the start of the path, or at the leaf.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from jaxcifar.core.errors import UserError
from jaxcifar.models.mobilenet import STAGES
from jaxcifar.models.vgg import PLAN_A, PLAN_D

Rule = tuple[str, str | Callable[[re.Match[str]], str]]
Rules = list[Rule] | Callable[[Collection[str]], list[Rule]]  # of a family

LEAVES: list[Rule] = [
    (r"^prelu_slope$", "activation.weight"),
    (r"/(kernel|scale)$", ".weight"),
    (r"/(mean|var)$", r".running_\1"),
    (r"/", "."),
]
"""What all families end with; `bias` and `mix` keep their names."""
WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""What PyTorch's wrappers (parallel or averaged, compiled, sharded, checkpointed) put into names,
before the whole network's or a part's; no network here has a part of such a name."""


_DENSE, _DROPPED = ("fc1", "", "fc2", "", "fc3"), ("", "fc1", "", "", "fc2", "", "fc3")


def _stages(prefix: str) -> list[Rule]:
    """Blocks of a stage in one list: the first, which may change the shape, then the rest."""
    return [
        (r"^stage(\d+)_first", lambda m: f"{prefix.format(m[1])}.0"),
        (r"^stage(\d+)_rest_(\d+)", lambda m: f"{prefix.format(m[1])}.{int(m[2]) + 1}"),
    ]


def _renamed(names: Mapping[str, str]) -> list[Rule]:
    """Modules under other names, wherever in the tree the pattern says."""
    return [(rf"{ours}/", f"{theirs}/") for ours, theirs in names.items()]


def _sequence(prefix: str, slots: Iterable[str]) -> list[Rule]:
    """Layers of a sequential container by their index; empty slots hold no arrays."""
    return _renamed({f"^{slot}": f"{prefix}.{i}" for i, slot in enumerate(slots) if slot})


def _cnn(modules: Collection[str]) -> list[Rule]:
    norms = ["bn{}"] if "bn1" in modules else []
    slots = [slot.format(n) for n in (1, 2, 3) for slot in ("conv{}", *norms, "", "")]
    dense = ("fc1", "", "", "fc2", "", "", "fc3")
    return _sequence("features", slots) + _sequence("classifier", dense)


def _vgg(plan: Iterable[int | str], *dense: str) -> Callable[[Collection[str]], list[Rule]]:
    """torchvision's VGG: every pooling, ReLU and dropout takes an index too."""

    def rules(modules: Collection[str]) -> list[Rule]:
        slots, number = [], 0
        for entry in plan:
            if entry == "M":
                slots.append("")
                continue
            number += 1
            norm = [f"bn{number}"] if f"bn{number}" in modules else []
            slots += [f"conv{number}", *norm, ""]
        return _sequence("features", slots) + _sequence("classifier", dense)

    return rules


def _convnet(modules: Collection[str]) -> list[Rule]:
    pairs = [(f"conv{n}", [f"bn{n}"] if f"bn{n}" in modules else []) for n in range(1, 8)]
    slots = [slot for conv, norm in pairs for slot in (conv, *norm, "")]
    return _sequence("features", slots) + _sequence("classifier", _DENSE)


def _fcnn(modules: Collection[str]) -> list[Rule]:
    hidden = sorted(
        (name for name in modules if name[2:].isdigit()), key=lambda name: int(name[2:])
    )
    slots = ["", *(slot for name in hidden for slot in (name, "")), "fc"]
    return _sequence("layers", slots)


def _encoder(modules: Collection[str]) -> list[Rule]:
    count = sum(name.startswith("encoder/conv") for name in modules)
    slots = [slot for n in range(1, count + 1) for slot in (f"encoder/conv{n}", "", "")]
    return [
        (r"^conv1/", "conv/"),
        (r"^blocks_(\d+)", r"blocks.\1"),
        *_sequence("encoder", [*slots, "", "encoder/fc"]),
    ]


def _mobilenet(modules: Collection[str]) -> list[Rule]:
    """torchvision's: features 0 to 18; a block that does not expand has no first convolution."""
    blocks = [f"stage{s}_{i}" for s, row in enumerate(STAGES, start=1) for i in range(row[2])]
    ends = ["conv1", *blocks, "conv2"]
    names = {rf"^{end}": f"features.{n}.0" for n, end in enumerate(ends) if end not in blocks}
    names |= {
        r"^bn1": "features.0.1",
        r"^bn2": f"features.{len(ends) - 1}.1",
        r"^fc": "classifier.1",
    }
    for number, block in enumerate(blocks, start=1):
        shift = 1 if f"{block}/expand_conv" in modules else 0
        places = {"expand_conv": "0.0", "expand_bn": "0.1"} if shift else {}
        places |= {"depthwise_conv": f"{shift}.0", "depthwise_bn": f"{shift}.1"}
        places |= {"project_conv": f"{shift + 1}", "project_bn": f"{shift + 2}"}
        at = f"features.{number}.conv"
        names |= {f"^{block}/{layer}": f"{at}.{place}" for layer, place in places.items()}
    return _renamed(names)


_UNIT = {
    **{"aside_depthwise": "branch1.0", "aside_depthwise_bn": "branch1.1"},
    **{"aside_conv": "branch1.2", "aside_conv_bn": "branch1.3"},
    **{"conv1": "branch2.0", "conv1_bn": "branch2.1"},
    **{"depthwise": "branch2.3", "depthwise_bn": "branch2.4"},
    **{"conv2": "branch2.5", "conv2_bn": "branch2.6"},
}
_SHUFFLENET = [
    *_renamed({"^conv1": "conv1.0", "^bn1": "conv1.1", "^conv5": "conv5.0", "^bn5": "conv5.1"}),
    *_renamed({rf"^(stage\w+)/{layer}": rf"\1/{place}" for layer, place in _UNIT.items()}),
    *_stages("stage{}"),
]
_SHORTCUT = {"/shortcut_conv": "/shortcut.0", "/shortcut_bn": "/shortcut.1"}
_DOWNSAMPLE = {"/shortcut_conv": "/downsample.0", "/shortcut_bn": "/downsample.1"}
_CIFAR = [*_stages("layer{}"), *_renamed({**_SHORTCUT, "^fc": "linear"})]
_TORCHVISION = [*_stages("layer{}"), *_renamed(_DOWNSAMPLE)]
_WIDE = [*_stages("block{}.layer"), *_renamed({"/shortcut_conv": "/convShortcut", "^bn": "bn1"})]
_CANET = [
    *_renamed({r"^res(\d)": r"res_\1", "/unit/conv1": "/unit.0", "/unit/conv2": "/unit.2"}),
    *_renamed({"/down_conv": "/down.0", "/down_bn": "/down.1"}),
    (r"/se/kernel(\d)$", r"/se/conv\1/kernel"),
]
_LIGHT = [*_renamed({r"^conv(\d)": r"stage\1.0"}), *_sequence("classifier", _DENSE)]

FAMILIES: list[tuple[str, Rules]] = [
    (r"cnn", _cnn),
    (r"vgg_a", _vgg(PLAN_A, *_DENSE)),
    (r"vgg_a_dropout", _vgg(PLAN_A, *_DROPPED)),
    (r"vgg_a_light", _LIGHT),
    (r"vgg11", _vgg(PLAN_A, "fc1", "", "", "fc2", "", "", "fc3")),
    (r"vgg16", lambda modules: [*_vgg(PLAN_D)(modules), (r"^fc1/", "classifier/")]),
    (r"resnet(18|34|50)", _TORCHVISION),
    (r"resnet_r[03]|cifar_resnet\d+|rci20|preact_resnet18", _CIFAR),
    (r"wrn28_10", _WIDE),
    (r"canet_\w+", _CANET),
    (r"mobilenet_v2", _mobilenet),
    (r"shufflenet_v2_x0_5", _SHUFFLENET),
    (r"fcnn", _fcnn),
    (r"conv_encoder|r[nr]\d+", _encoder),
    (r"convnet_r4", _convnet),
]
"""Networks by pattern, and their rules or what makes them from the names of all modules."""

FLATTENED: list[tuple[str, str, str]] = [
    (r"canet_\w+", "fc1/kernel", r"bn/scale"),
    (r"fcnn", "fc1/kernel", ""),
    (r"conv_encoder|r[nr]\d+", "encoder/fc/kernel", r"encoder/conv\d+/kernel"),
    (r"cnn|vgg.*|convnet_r4", "fc1/kernel", r"conv\d+/kernel"),
]
"""Networks whose dense layer reads a flattened map: that layer, and the layers that may have
made the map's channels (the last of them did; none: the image)."""


def torch_keys(name: str, paths: Collection[str]) -> dict[str, str]:
    """PyTorch's name of every array of the network called `name`, by our path.

    Raises: UserError: no family has rules for it.
    """
    modules = {path.rpartition("/")[0] for path in paths}
    found = family(name)
    if found is None:
        raise UserError(f"{name} has no names in PyTorch\nname them in jaxcifar/interop/names.py")
    rules = [*(found(modules) if callable(found) else found), *LEAVES]
    return {path: _rewritten(path, rules) for path in paths}


def unwrapped(key: str) -> tuple[str, list[str]]:
    """A name without what wrappers put into it, and that: ``module.fc.bias`` is ``fc.bias``."""
    parts = key.split(".")
    kept = [part for part in parts if part not in WRAPPERS]
    return ".".join(kept), [part for part in parts if part in WRAPPERS]


def family(name: str) -> Rules | None:
    """The row of `FAMILIES` that a network belongs to; None where it has no names in PyTorch."""
    return next((rules for pattern, rules in FAMILIES if re.fullmatch(pattern, name)), None)


def _rewritten(path: str, rules: Iterable[Rule]) -> str:
    for pattern, replacement in rules:
        path = re.sub(pattern, replacement, path)
    return path


def flattened(name: str, paths: Collection[str]) -> tuple[str, str]:
    """The dense kernel behind a flattened map, and the array whose last axis are its channels.

    Either may be "": no map is flattened; the image itself is.
    """
    for pattern, dense, before in FLATTENED:
        if re.fullmatch(pattern, name):
            layers = [path for path in paths if re.fullmatch(before, path)]
            return dense, max(layers, key=lambda path: (len(path), path), default="")
    return "", ""
