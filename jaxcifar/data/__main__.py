"""`python -m jaxcifar.data`: which CIFAR-10 would be used, getting one, and looking at it."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcifar import cli
from jaxcifar.config import replace
from jaxcifar.core.errors import UserError, nearest
from jaxcifar.data import from_records, load, read
from jaxcifar.data.dataset import UNRECOGNISED
from jaxcifar.data.prepare import prepare_binary, prepare_tfds
from jaxcifar.data.sources import locate, tfds_home, user_cache

FORMATS = {"binary": (prepare_binary, user_cache), "tfds": (prepare_tfds, tfds_home)}
"""How a CIFAR-10 is written, and where unless --out says."""

COMMANDS = {
    "check": cli.Command(
        "python -m jaxcifar.data check [--dir DIR]",
        "Says which CIFAR-10 would be used, and whether its bytes are the published ones.\n"
        "--dir: look there, as --config.data.dir does, instead of in the usual places.",
        flags=("dir",),
    ),
    "prepare": cli.Command(
        "python -m jaxcifar.data prepare [--format binary|tfds] [--out DIR] [--from F.tar.gz]",
        "Downloads the published binary archive, verified.\n"
        "--format: binary, the published files, or tfds, what tfds.data_source('cifar10') reads.\n"
        "--out: default: the user cache, for tfds TFDS's own folder.\n"
        "--from: an archive that is here already, instead of a download.",
        flags=("format", "out", "from"),
    ),
    "show": cli.Command(
        "python -m jaxcifar.data show --config FILE[:variant] [--config.a.b=VALUE ...] "
        "[--out F.png]",
        "Writes training images as the first steps of a run see them.",
        flags=("config", "out"), required=("config",), fields=None,
    ),
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 what the user can mend."""
    return cli.run(_main, argv)


def _main(argv: Sequence[str]) -> int:
    name, flags = cli.subcommand(argv, "CIFAR-10: what is here, getting it, seeing it.", COMMANDS)
    print({"check": check, "prepare": prepare, "show": show}[name](flags))  # noqa: T201
    return 0


def check(flags: cli.Flags) -> str:
    """The source that `load` would take, read and named. Raises: UserError as `load`."""
    source = locate(flags.plain.get("dir"))
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


def prepare(flags: cli.Flags) -> str:
    """Download or unpack a CIFAR-10. Raises: UserError: no network, wrong bytes."""
    form = flags.plain.get("format", "binary")
    if form not in FORMATS:
        raise UserError(
            f"unknown format {form!r}{nearest(form, FORMATS)}\nusage: {COMMANDS['prepare'].usage}"
        )
    write, usual = FORMATS[form]
    return write(flags.path("out") or usual(), flags.path("from"))


def show(flags: cli.Flags) -> str:
    """Write a contact sheet of a config's augmented images (of its first member).

    Raises: UserError: as `load`, as a run with this config.
    """
    study, notes = cli.apply_overrides(cli.load_study(flags.plain["config"]), flags.overrides)
    for note in notes:
        print(note, file=sys.stderr)  # noqa: T201
    config = replace(study.base, study.members[0].overrides)
    from jaxcifar.data.contact_sheet import (
        contact_sheet,  # with JAX and Matplotlib, which `check` spares
    )

    part = config.data
    images = load(part.name, part.dir, n_train=part.n_train, n_test=part.n_test)
    return contact_sheet(config, images, flags.path("out") or Path(f"{study.name}-images.png"))


if __name__ == "__main__":
    sys.exit(main())
