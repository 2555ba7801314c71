"""The documented example of a new network, run as it stands."""

import re

import pytest
from places import ROOT

from jaxcifar import interop, models
from jaxcifar.core.errors import UserError
from jaxcifar.models import MODELS

PAGE = ROOT / "docs" / "extend" / "network.md"


def test_the_page_adds_a_network(monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (code,) = (block for block in blocks if "ROWS = {" in block)
    namespace: dict = {"__name__": "lenet"}
    exec(compile(code, "lenet.py", "exec"), namespace)  # noqa: S102
    monkeypatch.setitem(MODELS, "lenet", namespace["ROWS"]["lenet"])
    (promised,) = re.findall(r'\("lenet", \{\}, ([\d_]+), 0\)', PAGE.read_text())
    assert models.count_parameters("lenet") == int(promised)
    assert models.count("lenet", activation="gelu").statistics == 0
    with pytest.raises(UserError, match=r"lenet has no names in PyTorch\nname them in"):
        interop.to_torch("lenet", {"params": {}})
