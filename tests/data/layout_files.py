"""Writes sets in the published layouts, whole or small."""

import functools
import io
import struct
import tarfile

import numpy as np

from jaxcifar.data.formats.layouts import BINARY, PYTHON, parse_binary, parse_python

SMALL = 7  # records a batch in small sets


def random_records(n, seed=0):
    generator = np.random.default_rng(seed)
    records = generator.integers(0, 256, (n, 3073), dtype=np.uint8)
    records[:, 0] %= 10
    return records


def _text(value):
    return b"U" + bytes([len(value)]) + value


def _appends(items):
    return b"".join(b"(" + b"".join(items[i : i + 1000]) + b"e" for i in range(0, len(items), 1000))


def python_batch(records):
    """Records as Python 2's cPickle wrote a batch file, opcode by opcode."""
    raw = records[:, 1:].tobytes()
    labels = [b"K" + bytes([label]) for label in records[:, 0]]
    names = [_text(b"frog_%05d.png" % i) for i in range(len(records))]
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\t"
        b"(K\x01M" + struct.pack("<H", len(records)) + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<i", len(raw)) + raw + b"tb"
    )
    head = b"\x80\x02}q\x01(" + _text(b"batch_label") + _text(b"training batch 1 of 5")
    body = _text(b"labels") + b"]q\x05" + _appends(labels) + _text(b"data") + array
    return head + body + _text(b"filenames") + b"]q\x0d" + _appends(names) + b"u."


def write_set(folder, layout, records):
    """A folder of six files that hold equal shares of `records`."""
    folder.mkdir(parents=True)
    for name, share in zip(layout.files, np.split(records, 6), strict=True):
        is_binary = layout.folder == BINARY.folder
        (folder / name).write_bytes(share.tobytes() if is_binary else python_batch(share))
    return folder


def pack(folder, archive, names=None):
    """The files of a folder as a .tar.gz, barely compressed."""
    with tarfile.open(archive, "w:gz", compresslevel=0) as tar:
        for path in sorted(folder.iterdir()):
            if names is None or path.name in names:
                tar.add(path, f"{folder.name}/{path.name}")
    return archive


def pack_bytes(archive, files):
    """A .tar.gz of given contents by member name."""
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive


SMALL_BINARY = BINARY._replace(
    parse=functools.partial(parse_binary, records=SMALL), largest=SMALL * 3073
)
SMALL_PYTHON = PYTHON._replace(parse=functools.partial(parse_python, records=SMALL))
SMALL_LAYOUTS = (SMALL_BINARY, SMALL_PYTHON)
