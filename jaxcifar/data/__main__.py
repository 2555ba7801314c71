"""`python -m jaxcifar.data`: which CIFAR-10 would be used, getting one, and looking at it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcifar import cli
from jaxcifar.config import replace
from jaxcifar.core.errors import UserError
from jaxcifar.data import from_records, load, read
from jaxcifar.data.dataset import UNRECOGNISED
from jaxcifar.data.prepare import prepare_binary, prepare_tfds
from jaxcifar.data.sources import locate, tfds_home, user_cache

SHOW = "python -m jaxcifar.data show --config FILE[:variant] [--config.a.b=VALUE ...] [--out F.png]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 what the user can mend."""
    try:
        return cli.run(_main, argv)
    except SystemExit as stop:  # argparse has said why
        return int(stop.code or 0)


def _main(words: Sequence[str]) -> int:
    print(show(words[1:]) if words[:1] == ["show"] else _parsed(words))  # noqa: T201
    return 0


def _parsed(words: Sequence[str]) -> str:
    options = _parser().parse_args(words)
    return check(options.dir) if options.command == "check" else prepare(options)


def check(directory: str | None) -> str:
    """The source that `load` would take, read and named. Raises: UserError as `load`."""
    source = locate(directory)
    data = from_records(read(source), str(source.path))
    official = {
        "CIFAR-10": "yes: every label and pixel is the published one",
        UNRECOGNISED: "not known: neither the published content nor any other this tool knows",
    }.get(data.label, "no: known, but not the published pixels")
    rows = {
        "source": f"{source.path} ({source.kind}, from {source.why})",
        "label": data.label,
        "official": official,
        "fingerprint": data.fingerprint,
        "images": f"{len(data.train_labels):,} train, {len(data.test_labels):,} test",
    }
    return "\n".join(f"{name:<12} {value}" for name, value in rows.items())


def prepare(options: argparse.Namespace) -> str:
    """Download or unpack a CIFAR-10. Raises: UserError: no network, wrong bytes."""
    if options.format == "tfds":
        return prepare_tfds(options.out or tfds_home(), options.archive)
    return prepare_binary(options.out or user_cache(), options.archive)


def show(words: Sequence[str]) -> str:
    """Write a contact sheet of a config's augmented images (of its first member).

    Raises: UserError: as `load`, as a run with this config.
    """
    if "--help" in words or "-h" in words:
        return f"{SHOW}\n\nWrites training images as the first steps of a run see them."
    flags = cli.split_flags(words, ("config", "out"))
    if "config" not in flags.plain:
        raise UserError(f"which study?\n{SHOW}")
    study, _ = cli.apply_overrides(cli.load_study(flags.plain["config"]), flags.overrides)
    config = replace(study.base, study.members[0].overrides)
    from jaxcifar.data.contact_sheet import (
        contact_sheet,  # with JAX and Matplotlib, which `check` spares
    )

    part = config.data
    images = load(part.name, part.dir, n_train=part.n_train, n_test=part.n_test)
    return contact_sheet(config, images, Path(flags.plain.get("out", f"{study.name}-images.png")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jaxcifar.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("check", help="say which CIFAR-10 would be used and whose bytes")
    sub.add_argument("--dir", help="look here (as --config.data.dir) instead of the usual places")
    commands.add_parser("show", help="a contact sheet of augmented images: " + SHOW)
    sub = commands.add_parser("prepare", help="download the published binary archive, verified")
    sub.add_argument(
        "--format",
        choices=("binary", "tfds"),
        default="binary",
        help="binary: the published files; tfds: what tfds.data_source('cifar10') reads",
    )
    sub.add_argument("--out", type=Path, help="default: the user cache, for tfds TFDS's own folder")
    sub.add_argument(
        "--from", dest="archive", type=Path, help="a .tar.gz already here, instead of a download"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
