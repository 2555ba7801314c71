"""Reads the pickles of CIFAR-10's python layout without executing anything.

A pickle is a program; `pickle.load` on a file from elsewhere runs whatever it says. The published
batch files, and what Python 3 makes of them when it loads and dumps them (protocols 2 to 5, NumPy
of either generation), build a dict of strings, lists and one uint8 array. This reader takes the
opcodes from `pickletools`, which only describes them, knows those that are needed for that, treats
the few names they mention as mere markers, and refuses everything else by opcode and byte offset.
"""

import io
import pickletools
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from jaxcifar.core.errors import UserError


class _Name(str):
    """A global the pickle mentions; never looked up."""


class _Array:
    """An array, or one under construction, which BUILD fills."""

    def __init__(self, value: np.ndarray | None = None) -> None:
        self.value = value


_RECONSTRUCT = _Name("numpy.core.multiarray._reconstruct")
_FROM_BUFFER = _Name("numpy.core.numeric._frombuffer")
_NDARRAY, _DTYPE, _UINT8 = _Name("numpy.ndarray"), _Name("numpy.dtype"), _Name("dtype('u1')")
_ENCODE, _BYTES = _Name("_codecs.encode"), _Name("builtins.bytes")
_MARK = _Name("(mark)")
_CODES = {opcode.code for opcode in pickletools.opcodes}
_NAMES: dict[str, _Name] = {
    **{str(name): name for name in (_RECONSTRUCT, _FROM_BUFFER, _NDARRAY, _DTYPE, _ENCODE, _BYTES)},
    "numpy._core.multiarray._reconstruct": _RECONSTRUCT,  # of NumPy 2
    "numpy._core.numeric._frombuffer": _FROM_BUFFER,
    "__builtin__.bytes": _BYTES,  # as protocol 2 calls it
}


def read_pickle(content: bytes, name: str) -> dict[bytes, Any]:
    """The dict a batch file holds, as published or written again by Python 3.

    Args: content: the file's bytes; name: what to call it in errors.
    Returns: keys bytes (text in UTF-8); values bytes, int, list of those, or an array (uint8).
    Raises: UserError: an opcode, name or shape that such files do not have; naming its byte
        offset. Nothing is executed or imported on the way.
    """
    reader = _Reader(content, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in what is refused anyway
            return reader.run()
    except UserError:
        raise
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        reader.refuse(f"does not fit what came before it ({error})")


class _Reader:
    def __init__(self, content: bytes, name: str) -> None:
        self.content, self.name = content, name
        self.opcode = 0  # offset of the opcode at work
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> dict[bytes, Any]:
        stream = io.BytesIO(self.content)
        opcodes = pickletools.genops(stream)
        while True:
            self.opcode = stream.tell()
            try:
                opcode, argument, _ = next(opcodes)
            except ValueError as error:
                self.refuse_bytes(stream.tell(), error)
            if opcode.name == "STOP":
                break
            action = _ACTIONS.get(opcode.name)
            if action is None:
                self.refuse("is not one of a published batch file")
            action(self, argument)
        if stream.tell() != len(self.content) or len(self.stack) != 1:
            self.refuse("ends the pickle before the end of the file")
        return self.expect(self.stack[0], dict)

    def refuse(self, why: str) -> NoReturn:
        code = self.content[self.opcode : self.opcode + 1]
        raise UserError(
            f"{self.name}: opcode {code!r} at byte offset {self.opcode:,} {why}\n"
            "expected a batch file as published in cifar-10-python.tar.gz; nothing was executed\n"
            "fetch that file again, or use the binary layout: `python -m jaxcifar.data prepare`"
        )

    def refuse_bytes(self, reached: int, error: ValueError) -> NoReturn:
        """What `pickletools` cannot read: the file is cut, or these bytes are no opcode."""
        code = self.content[self.opcode : self.opcode + 1].decode("latin-1")
        if reached != len(self.content) or (code and code not in _CODES):
            self.refuse(f"cannot be read ({error})")
        raise UserError(
            f"{self.name}: {len(self.content):,} bytes, so it ends inside what starts at byte "
            f"offset {self.opcode:,}\nexpected a whole batch file\n"
            "fetch that file again, or `python -m jaxcifar.data prepare`"
        )

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        mark = len(self.stack) - 1
        while self.stack[mark] is not _MARK:
            mark -= 1  # past the bottom this is an IndexError
        items = self.stack[mark + 1 :]
        del self.stack[mark:]
        return items

    def popped(self, count: int) -> list[Any]:
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def expect(self, value: Any, kind: type) -> Any:
        if type(value) is not kind:
            self.refuse(f"meets {type(value).__name__}, not {kind.__name__}")
        return value

    def protocol(self, number: int) -> None:
        if not 2 <= number <= 5:
            self.refuse(f"says protocol {number}, not one of 2 to 5,")

    def mention(self, name: str) -> None:
        if name not in _NAMES:
            self.refuse(f"names {name!r}, which no published batch file does,")
        self.push(_NAMES[name])

    def mention_stacked(self, _: None) -> None:
        words = [self.expect(word, bytes) for word in self.popped(2)]
        self.mention(b".".join(words).decode("ascii", "backslashreplace"))

    def reduce(self, _: None) -> None:
        callee, arguments = self.popped(2)
        made = _CALLS[callee](arguments) if type(callee) is _Name and callee in _CALLS else None
        if made is None:
            self.refuse("calls something other than the making of bytes or of a uint8 array")
        self.push(made)

    def build(self, _: None) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if target is _UINT8 and state == (3, b"|", None, None, None, -1, -1, 0):
            return
        if not isinstance(target, _Array):
            self.refuse("sets a state that is not that of a uint8 array")
        version, shape, dtype, fortran, data = state
        if (version, dtype) != (1, _UINT8) or type(fortran) is not bool:
            self.refuse("describes an array that is not of uint8")
        target.value = _array(data, shape, "F" if fortran else "C")

    def set_items(self, items: list[Any]) -> None:
        values = [item.value if isinstance(item, _Array) else item for item in items[1::2]]
        keys = [self.expect(key, bytes) for key in items[::2]]
        self.expect(self.stack[-1], dict).update(zip(keys, values, strict=True))

    def append_items(self, items: list[Any]) -> None:
        self.expect(self.stack[-1], list).extend(items)


def _array(data: bytes, shape: tuple[int, ...], order: Any) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(shape, order=order)


def _buffered(arguments: Any) -> _Array | None:
    data, dtype, shape, order = arguments
    return _Array(_array(data, shape, order.decode())) if dtype is _UINT8 else None


# What a name makes of its arguments, as far as batch files call it; None is refused.
_CALLS: dict[_Name, Callable[[Any], Any]] = {
    _RECONSTRUCT: lambda given: _Array() if given == (_NDARRAY, (0,), b"b") else None,
    _DTYPE: lambda given: _UINT8 if given == (b"u1", 0, 1) else None,
    _FROM_BUFFER: _buffered,
    _ENCODE: lambda given: given[0].decode().encode("latin-1") if given[1] == b"latin1" else None,
    _BYTES: lambda given: b"" if given == () else None,
}


def _push(make: Callable[[_Reader, Any], Any]) -> Callable[[_Reader, Any], None]:
    return lambda reader, argument: reader.push(make(reader, argument))


def _memorise(reader: _Reader, place: int | None) -> None:
    reader.memo[len(reader.memo) if place is None else place] = reader.stack[-1]


_ITSELF = _push(lambda _, argument: argument)
_TEXT = _push(lambda _, text: text.encode("utf-8", "surrogatepass"))
_PYTHON2_TEXT = _push(lambda _, text: text.encode("latin-1"))  # bytes, as pickletools shows them
_RECALL = _push(lambda reader, place: reader.memo[place])

# By the names of the standard library's pickletools.
_ACTIONS: dict[str, Callable[[_Reader, Any], None]] = {
    "PROTO": _Reader.protocol,
    "FRAME": lambda reader, size: None,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), _memorise),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _RECALL),
    "MARK": _push(lambda *_: _MARK),
    "EMPTY_DICT": _push(lambda *_: {}),
    "EMPTY_LIST": _push(lambda *_: []),
    "EMPTY_TUPLE": _push(lambda *_: ()),
    "NONE": _push(lambda *_: None),
    "NEWFALSE": _push(lambda *_: False),
    "NEWTRUE": _push(lambda *_: True),
    **dict.fromkeys(("BININT1", "BININT2", "BININT"), _ITSELF),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"), _ITSELF),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _TEXT),
    **dict.fromkeys(("SHORT_BINSTRING", "BINSTRING"), _PYTHON2_TEXT),
    "GLOBAL": lambda reader, name: reader.mention(name.replace(" ", ".")),
    "STACK_GLOBAL": _Reader.mention_stacked,
    "REDUCE": _Reader.reduce,
    "BUILD": _Reader.build,
    "TUPLE1": _push(lambda reader, _: tuple(reader.popped(1))),
    "TUPLE2": _push(lambda reader, _: tuple(reader.popped(2))),
    "TUPLE3": _push(lambda reader, _: tuple(reader.popped(3))),
    "TUPLE": _push(lambda reader, _: tuple(reader.since_mark())),
    "APPEND": lambda reader, _: reader.append_items(reader.popped(1)),
    "APPENDS": lambda reader, _: reader.append_items(reader.since_mark()),
    "SETITEM": lambda reader, _: reader.set_items(reader.popped(2)),
    "SETITEMS": lambda reader, _: reader.set_items(reader.since_mark()),
}
