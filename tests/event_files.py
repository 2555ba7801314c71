"""TensorBoard event files read back from their bytes, without TensorFlow or TensorBoard."""

import struct

from tensorboardX.proto.event_pb2 import Event


def events(folder):
    """Every event of a folder's files, in order; a record cut off at the end is left out."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at + 12 <= len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            if at + 16 + length > len(data):
                break
            found.append(Event.FromString(data[at + 12 : at + 12 + length]))
            at += 16 + length
    return found


def values(folder):
    """(step, value of a summary), in order."""
    return [(event.step, value) for event in events(folder) for value in event.summary.value]


def scalars(folder):
    """(tag, step, value), in order, doubles included."""
    return [(v.tag, step, v.simple_value) for step, v in values(folder)
            if v.WhichOneof("value") == "simple_value"]  # fmt: skip


def expected(rows, member):
    """What `scalars` must give for a member's lines of metrics.jsonl, sorted."""
    return sorted(
        (name, row["step"], struct.unpack("f", struct.pack("f", value))[0])
        for row in rows
        if row["member"] == member
        for name, value in row.items()
        if name not in ("member", "step") and value is not None
    )
