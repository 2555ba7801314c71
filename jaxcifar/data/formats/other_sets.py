"""CIFAR-100, which is often given by mistake: told by the names and sizes of its files."""

from collections.abc import Collection

CIFAR_100 = "CIFAR-100, another data set"
_PLACES = {"cifar-100-python", "cifar-100-binary", "cifar100"}
_SUFFIXES = (".tar.gz", ".tgz", ".tar")
_FILES = ({"train", "test", "meta"}, {"train.bin", "test.bin"})
_SIZES = {50_000 * 3_074, 10_000 * 3_074}  # of its binary files: two labels, then the pixels
_FIELDS = {b"fine_labels", b"coarse_labels"}


def by_names(names: Collection[str]) -> str:
    """What a place is that has or holds these names; "" where they do not tell."""
    found = {_stem(name.lower()) for name in names}
    known = found & _PLACES or any(files <= found for files in _FILES)
    return CIFAR_100 if known else ""


def by_size(size: int) -> str:
    """What a file of so many bytes is."""
    return CIFAR_100 if size in _SIZES else ""


def by_fields(fields: Collection[bytes]) -> str:
    """What a python batch file with these fields is of."""
    return CIFAR_100 if _FIELDS & set(fields) else ""


def _stem(name: str) -> str:
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name
