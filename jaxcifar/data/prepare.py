"""Makes a CIFAR-10 that `load` finds, downloaded or from a local archive: whole or not at all."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.data.dataset import CLASSES, N_TRAIN, Bytes, digests, fingerprint, recognise
from jaxcifar.data.download import OFFICIAL, Remote, download
from jaxcifar.data.formats.layouts import BINARY
from jaxcifar.data.formats.readers import read_archive, read_folder
from jaxcifar.data.formats.tfds_writer import write_tfds
from jaxcifar.data.looking import exists, reason


def prepare_binary(out: Path, archive: Path | None = None, remote: Remote = OFFICIAL) -> str:
    """Write `out`/cifar-10-batches-bin, from `archive` or the network.

    Returns: a line that says what lies where now, also where it already did.
    Raises: UserError: no network, other bytes than expected, a damaged folder in the way.
    """
    folder = out / BINARY.folder
    if _exists(folder):
        return f"already there: {folder}, {_recognised(_read_existing(folder))}"
    records = _fetch(out, archive, remote)
    _write_folder(folder, records)
    return f"prepared {folder}, {_recognised(records)}"


def prepare_tfds(out: Path, archive: Path | None = None, remote: Remote = OFFICIAL) -> str:
    """Write `out`/cifar10/3.0.2 as TFDS would, in array_record; without TensorFlow.

    Returns and raises: as `prepare_binary`.
    """
    folder = out / "cifar10" / "3.0.2"
    if _exists(folder):
        return f"already there: {folder}; see `python -m jaxcifar.data check --dir {out}`"
    records = _fetch(out, archive, remote)
    write_tfds(records[:N_TRAIN], records[N_TRAIN:], out)
    return f"prepared {folder}, {_recognised(records)}"


def _fetch(out: Path, archive: Path | None, remote: Remote) -> Bytes:
    if archive is not None:
        return read_archive(archive)
    fetched = out / f".{BINARY.archive}.{os.getpid()}"
    download(remote, fetched)
    try:
        return read_archive(fetched)
    finally:
        fetched.unlink()


def _read_existing(folder: Path) -> Bytes:
    try:
        return read_folder(folder, BINARY)
    except UserError as error:
        first = str(error).splitlines()[0]
        raise UserError(
            f"{first}\nit is in the way of a new copy\nnext: remove {folder} and run this again"
        ) from None


def _write_folder(folder: Path, records: Bytes) -> None:
    """All files or none: they are written beside the folder, which then gets its name."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            shares = np.split(records, len(BINARY.files))
            for name, share in zip(BINARY.files, shares, strict=True):
                share.tofile(part / name)
            (part / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
            part.chmod(0o755)  # mkdtemp keeps others out
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _exists(folder: Path) -> bool:
    try:
        return exists(folder)
    except OSError as error:  # a folder above is closed to this user
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"{folder} cannot be written: {reason(error)}\n"
        "expected a folder with 190 MB to spare\nnext: choose another with --out DIR"
    )


def _recognised(records: Bytes) -> str:
    found = digests(records)
    print_ = fingerprint(found[:5], found[5:])
    return f"{recognise(print_)}, fingerprint {print_}"
