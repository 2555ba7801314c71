"""One file from the network: checked while it streams, and whole or not there at all."""

import contextlib
import hashlib
import http.client
import os
import queue
import threading
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from jaxcifar.core.errors import UserError

WAYS_OUT = (
    "next: `python -m jaxcifar.data prepare --from FILE` with a copy fetched elsewhere, or train "
    "on generated images: --config.data.name=synthetic"
)
_BLOCK = 2**18


class Remote(NamedTuple):
    """A file that anyone may fetch, and the SHA-256 it must have."""

    url: str
    sha256: str


OFFICIAL = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)


def download(remote: Remote, target: Path, timeout: float = 5.0, deadline: float = 8.0) -> None:
    """Fetch `remote` to `target`, with a progress bar on a terminal.

    Args:
        timeout: seconds any one wait on the connection may take.
        deadline: seconds until the server must have answered; also bounds the look-up of its
            name, which has no time-out of its own.
    Raises: UserError: no answer, a broken transfer, other bytes; nothing is left behind then.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _open(remote.url, timeout, deadline) as response:
            found = _stream(remote.url, response, part)
        if found != remote.sha256:
            raise UserError(
                f"{remote.url} sent a file with SHA-256 {found}\nexpected {remote.sha256}; "
                f"nothing of it was kept\n{WAYS_OUT}"
            )
        part.replace(target)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"{remote.url} to {target.parent}: {error}\n{WAYS_OUT}") from None
    finally:
        with contextlib.suppress(OSError):  # where its folder could not be made
            part.unlink(missing_ok=True)


def _open(url: str, timeout: float, deadline: float) -> Any:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=timeout))
        except Exception as error:  # handed to the caller below, whatever it is
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()  # a stuck look-up must not hold up the exit
    try:
        answer = answers.get(timeout=deadline)
    except queue.Empty:
        answer = TimeoutError(f"no answer within {deadline:g} s")
    if not isinstance(answer, Exception):
        return answer
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()  # it holds the connection
    raise UserError(f"cannot fetch {url}: {answer}\n{WAYS_OUT}") from None


def _stream(url: str, response: Any, part: Path) -> str:
    """The SHA-256 of what was written to `part`."""
    length = response.headers.get("Content-Length")
    total = None if length is None else int(length)
    digest, size = hashlib.sha256(), 0
    bar = tqdm(total=total, unit="B", unit_scale=True, desc="downloading", disable=None)
    with part.open("wb") as file, bar:
        while block := response.read(_BLOCK):
            digest.update(block)
            file.write(block)
            size += len(block)
            bar.update(len(block))
    if total is not None and size != total:
        raise UserError(
            f"{url}: the transfer ended after {size:,} of {total:,} bytes\n"
            f"nothing of it was kept; run the same command again, or\n{WAYS_OUT}"
        )
    return digest.hexdigest()
