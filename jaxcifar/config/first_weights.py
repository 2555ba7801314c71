"""Where the first weights come from, if not from a seed: ``FOLDER:MEMBER[:KIND][@SHA256]``."""

import re
from typing import NamedTuple

from jaxcifar.core.errors import UserError

_FORM = re.compile(
    r"(?P<folder>.+?):(?P<member>[^:@]+)"
    r"(?::(?P<which>best|last|swa|ema|step:\d+))?(?:@(?P<digest>[0-9a-f]{64}))?"
)


class Source(NamedTuple):
    """Weights of a member of another run; `digest` is the SHA-256 of their manifest, once known."""

    folder: str
    member: str
    which: str = "last"
    digest: str | None = None

    @property
    def content(self) -> str:
        """What the weights are, wherever the folder lies."""
        return f"{self.member}:{self.which}@{self.digest or ''}"

    @property
    def text(self) -> str:
        """As `source` reads it."""
        pin = f"@{self.digest}" if self.digest else ""
        return f"{self.folder}:{self.member}:{self.which}{pin}"


def source(text: str) -> Source:
    """Parse ``runs/pretrain:a``, ``runs/pretrain:a:swa`` or ``runs/pretrain:a:step:300``.

    Raises: UserError: anything else.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise UserError(
            f"init_from={text!r} names no weights\nallowed: FOLDER:MEMBER or FOLDER:MEMBER:KIND, "
            "kind being best, last, swa, ema or step:N"
        )
    return Source(found["folder"], found["member"], found["which"] or "last", found["digest"])
