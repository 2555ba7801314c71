"""Reads the pickles of CIFAR-10's python layout without executing anything.

A pickle is a program; `pickle.load` on a file from elsewhere runs whatever it says. The published
batch files use two dozen opcodes to build a dict of strings, lists and one uint8 array. This
reader knows those opcodes, treats the three NumPy names they mention as mere markers, and refuses
everything else by opcode and byte offset.
"""

import struct
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from jaxcifar.core.errors import UserError


class _Name(str):
    """A global the pickle mentions; never looked up."""


class _Array:
    """An array under construction: filled by BUILD."""

    value: np.ndarray | None = None


_RECONSTRUCT = _Name("numpy.core.multiarray._reconstruct")
_NDARRAY = _Name("numpy.ndarray")
_DTYPE = _Name("numpy.dtype")
_NAMES = (_RECONSTRUCT, _NDARRAY, _DTYPE)
_UINT8 = _Name("numpy.dtype('u1')")
_MARK = _Name("(mark)")


def read_pickle(content: bytes, name: str) -> dict[bytes, Any]:
    """The dict a published batch file holds.

    Args: content: the file's bytes; name: what to call it in errors.
    Returns: keys bytes; values bytes, int, list of those, or an array (uint8).
    Raises: UserError: an opcode, name or shape that the published files do not have; naming its
        byte offset. Nothing is executed or imported on the way.
    """
    reader = _Reader(content, name)
    try:
        return reader.run()
    except UserError:
        raise
    except (IndexError, ValueError, TypeError) as error:
        reader.refuse(f"does not fit what came before it ({error})")


class _Reader:
    def __init__(self, content: bytes, name: str) -> None:
        self.content, self.name = content, name
        self.offset = 0  # of the next byte
        self.opcode = 0  # offset of the opcode at work
        self.stack: list[Any] = []

    def run(self) -> dict[bytes, Any]:
        while True:
            self.opcode = self.offset
            code = self.take(1)
            if code == b".":
                break
            action = _ACTIONS.get(code)
            if action is None:
                self.refuse("is not one of a published batch file")
            action(self)
        if self.offset != len(self.content) or len(self.stack) != 1:
            self.refuse("ends the pickle before the end of the file")
        return self.expect(self.stack[0], dict)

    def refuse(self, why: str) -> NoReturn:
        code = self.content[self.opcode : self.opcode + 1]
        raise UserError(
            f"{self.name}: opcode {code!r} at byte offset {self.opcode:,} {why}\n"
            "expected a batch file as published in cifar-10-python.tar.gz; nothing was executed\n"
            "fetch that file again, or use the binary layout: `python -m jaxcifar.data prepare`"
        )

    def take(self, count: int) -> bytes:
        taken = self.content[self.offset : self.offset + count]
        if count < 0 or len(taken) != count:
            raise UserError(
                f"{self.name}: {len(self.content):,} bytes, so it ends inside what starts at byte "
                f"offset {self.opcode:,}\nexpected a whole batch file\n"
                "fetch that file again, or `python -m jaxcifar.data prepare`"
            )
        self.offset += count
        return taken

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.content.index(b"\n", self.offset)
        text = self.take(end - self.offset).decode("ascii", "backslashreplace")
        self.take(1)
        return text

    def since_mark(self) -> list[Any]:
        mark = len(self.stack) - 1
        while self.stack[mark] is not _MARK:
            mark -= 1  # past the bottom this is an IndexError
        items = self.stack[mark + 1 :]
        del self.stack[mark:]
        return items

    def expect(self, value: Any, kind: type) -> Any:
        if type(value) is not kind:
            self.refuse(f"meets {type(value).__name__}, not {kind.__name__}")
        return value

    def tuple_of(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.stack.append(items)

    def name_marker(self) -> None:
        name = f"{self.line()}.{self.line()}"
        if name not in _NAMES:
            self.refuse(f"names {name!r}, which no published batch file does,")
        self.stack.append(_Name(name))

    def reduce(self) -> None:
        arguments, callee = self.stack.pop(), self.stack.pop()
        if callee == _RECONSTRUCT and arguments == (_NDARRAY, (0,), b"b"):
            self.stack.append(_Array())
        elif callee == _DTYPE and arguments == (b"u1", 0, 1):
            self.stack.append(_UINT8)
        else:
            self.refuse("calls something other than the making of a uint8 array")

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if target is _UINT8 and state == (3, b"|", None, None, None, -1, -1, 0):
            return
        if not isinstance(target, _Array):
            self.refuse("sets a state that is not that of a uint8 array")
        version, shape, dtype, fortran, data = state
        if (version, dtype, fortran) != (1, _UINT8, False):
            self.refuse("describes an array that is not uint8 in row order")
        target.value = np.frombuffer(data, np.uint8).reshape(shape)

    def set_items(self) -> None:
        items = self.since_mark()
        values = [item.value if isinstance(item, _Array) else item for item in items[1::2]]
        keys = [self.expect(key, bytes) for key in items[::2]]
        self.expect(self.stack[-1], dict).update(zip(keys, values, strict=True))

    def append_items(self) -> None:
        items = self.since_mark()
        self.expect(self.stack[-1], list).extend(items)


def _push(make: Callable[[_Reader], Any]) -> Callable[[_Reader], None]:
    return lambda reader: reader.stack.append(make(reader))


# By the names of the standard library's pickletools.
_ACTIONS: dict[bytes, Callable[[_Reader], None]] = {
    b"\x80": lambda reader: None if reader.take(1) == b"\x02" else reader.refuse("is not 2"),
    b"q": lambda reader: None if reader.take(1) else None,  # BINPUT: nothing is fetched later
    b"(": _push(lambda reader: _MARK),
    b"}": _push(lambda reader: {}),
    b"]": _push(lambda reader: []),
    b"N": _push(lambda reader: None),
    b"\x89": _push(lambda reader: False),
    b"K": _push(lambda reader: reader.number("<B")),  # BININT1
    b"M": _push(lambda reader: reader.number("<H")),  # BININT2
    b"J": _push(lambda reader: reader.number("<i")),  # BININT
    b"U": _push(lambda reader: reader.take(reader.number("<B"))),  # SHORT_BINSTRING
    b"T": _push(lambda reader: reader.take(reader.number("<i"))),  # BINSTRING
    b"c": _Reader.name_marker,  # GLOBAL
    b"R": _Reader.reduce,
    b"b": _Reader.build,
    b"\x85": lambda reader: reader.tuple_of(1),
    b"\x86": lambda reader: reader.tuple_of(2),
    b"\x87": lambda reader: reader.tuple_of(3),
    b"t": _push(lambda reader: tuple(reader.since_mark())),
    b"e": _Reader.append_items,  # APPENDS
    b"u": _Reader.set_items,  # SETITEMS
}
