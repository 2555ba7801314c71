"""Reference augmentations: torchvision's on Pillow images, and the mixing of one report's code."""

import math
import zlib
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import ColorJitter, RandAugment, RandomErasing, autoaugment
from torchvision.transforms import functional as F
from torchvision.transforms.functional import InterpolationMode

Arrays = dict[str, np.ndarray]
SEEDS = 40  # of those references that draw


def pictures() -> np.ndarray:
    """(8, 32, 32, 3) uint8: noise, narrow and skewed histograms, few values, ramps, one value."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:32, :32]
    ramp = np.stack([8 * rows, 8 * columns, 4 * (rows + columns)], -1)
    spots = np.full((32, 32, 3), 77)
    spots[3:6, 20:29] = rng.integers(0, 256, (3, 9, 3))
    made = [
        rng.integers(0, 256, (32, 32, 3)), rng.integers(90, 131, (32, 32, 3)),
        255 * rng.beta(0.3, 2, (32, 32, 3)), rng.choice([3, 60, 61, 250], (32, 32, 3)),
        ramp, ramp // 3 + rng.integers(0, 60, (32, 32, 3)), spots, np.full((32, 32, 3), 200),
    ]  # fmt: skip
    return np.stack([np.clip(image, 0, 255).astype(np.uint8) for image in made])


def randaugment() -> Arrays:
    """Every operation, magnitude and sign on every picture: CRC-32s, and bin 9's images."""
    images = [Image.fromarray(image) for image in pictures()]
    space = RandAugment()._augmentation_space(31, (32, 32))
    crcs = np.zeros((len(space), 31, 2, len(images)), np.uint32)
    kept = np.zeros((len(space), 2, 2, 32, 32, 3), np.uint8)
    for op, (name, (values, signed)) in enumerate(space.items()):
        for at in np.ndindex(31, 2, len(images)):
            strength = float(values[at[0]].item()) if values.ndim > 0 else 0.0
            strength *= -1.0 if signed and at[1] else 1.0
            out = autoaugment._apply_op(
                images[at[2]], name, strength, InterpolationMode.NEAREST, None
            )
            crcs[(op, *at)] = zlib.crc32(np.asarray(out).tobytes())
            if at[0] == 9 and at[2] in (0, 5):
                kept[op, at[1], at[2] // 5] = np.asarray(out)
    return {"crcs": crcs, "bin_9": kept, "names": np.array(list(space))}


def jitter() -> Arrays:
    """ColorJitter(.2, .2, .2) with its draws: factors (S, 3) and order (S, 3)."""
    images, change = pictures(), ColorJitter(0.2, 0.2, 0.2)
    factors, orders, outs = [], [], []
    for seed in range(SEEDS):
        image = Image.fromarray(images[seed % 8])
        torch.manual_seed(seed)
        outs.append(np.asarray(change(image)))
        torch.manual_seed(seed)
        order, *drawn, _ = change.get_params(change.brightness, change.contrast,
                                             change.saturation, change.hue)  # fmt: skip
        orders.append([int(i) for i in order if i < 3])
        factors.append(drawn)
    return {"factors": np.array(factors), "orders": np.array(orders), "out": np.stack(outs)}


def rotation() -> Arrays:
    """Angles in degrees and the turned pictures."""
    angles = np.random.default_rng(6).uniform(-45, 45, SEEDS)
    angles[:3] = (0, 15, -15)
    images = [Image.fromarray(image) for image in pictures()]
    outs = [np.asarray(F.rotate(images[i % 8], angle)) for i, angle in enumerate(angles.tolist())]
    return {"angles": angles, "out": np.stack(outs)}


def erasing(scale: tuple[float, float], ratio: tuple[float, float]) -> Arrays:
    """RandomErasing with p = 1 and its ten (unused ones too) areas and aspects, and corners."""
    image, change = torch.ones(1, 32, 32), RandomErasing(1.0, scale, ratio)
    rows: dict[str, list[Any]] = {"areas": [], "aspects": [], "box": []}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        left = np.argwhere(change(image).numpy()[0] == 0)
        box = [*left.min(0), *(np.ptp(left, axis=0) + 1)] if len(left) else [0, 0, 0, 0]
        torch.manual_seed(seed)
        torch.rand(1)
        areas, aspects, found = [], [], False
        low, high = torch.log(torch.tensor(ratio))
        for _ in range(10):
            areas.append(1024 * torch.empty(1).uniform_(*scale).item())
            aspects.append(torch.exp(torch.empty(1).uniform_(low, high)).item())
            h, w = (round(math.sqrt(v)) for v in (areas[-1] * aspects[-1], areas[-1] / aspects[-1]))
            found |= h < 32 and w < 32
            if found and len(areas) < 10:  # what follows was never drawn: anything must do
                areas += [500.0] * (10 - len(areas))
                aspects += [1.0] * (10 - len(aspects))
                break
        for name, value in (("areas", areas), ("aspects", aspects), ("box", box)):
            rows[name].append(value)
    return {name: np.array(values) for name, values in rows.items()}


def mixing() -> Arrays:
    """Mixup and CutMix as the report's code has them, in float64, batch of 6 with 2 channels."""
    rng = np.random.default_rng(7)
    images = rng.normal(size=(6, 32, 32, 2))
    x = torch.tensor(images).permute(0, 3, 1, 2)
    rows: dict[str, list[Any]] = {
        name: [] for name in ("lam", "order", "centre", "mixup", "cutmix", "cutmix_lam")
    }
    for lam in (0.0, 1.0, 0.5, *rng.beta(0.5, 0.5, 9)):
        order, (cx, cy) = rng.permutation(6), rng.integers(0, 32, 2)
        cut = math.sqrt(1.0 - lam)
        ch, cw = int(32 * cut), int(32 * cut)
        x1, x2 = max(cx - ch // 2, 0), min(cx + ch // 2, 32)
        y1, y2 = max(cy - cw // 2, 0), min(cy + cw // 2, 32)
        pasted = x.clone()
        pasted[:, :, x1:x2, y1:y2] = x[order][:, :, x1:x2, y1:y2]
        rows["lam"].append(lam)
        rows["order"].append(order)
        rows["centre"].append((cx, cy))
        rows["mixup"].append((lam * x + (1 - lam) * x[order]).permute(0, 2, 3, 1)[:, ::5, ::5])
        rows["cutmix"].append(pasted.permute(0, 2, 3, 1)[:, :, :, 0] == x[:, 0])
        rows["cutmix_lam"].append(1 - (x2 - x1) * (y2 - y1) / 1024)
    return {"images": images} | {name: np.stack(values) for name, values in rows.items()}


def record() -> dict[str, Arrays]:
    """The arrays of augment.npz, each reference under its own prefix."""
    parts = {
        "randaugment": randaugment(), "jitter": jitter(), "rotation": rotation(),
        "erase": erasing((0.04, 0.2), (0.5, 2.0)), "erase_wide": erasing((0.3, 1.0), (0.2, 5.0)),
        "mix": mixing(),
    }  # fmt: skip
    arrays = {
        f"{part}/{name}": value for part, rows in parts.items() for name, value in rows.items()
    }
    return {"augment": {"pictures": pictures()} | arrays}
