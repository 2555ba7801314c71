"""What a person looks up shows its own signature, arguments, errors and an example."""

import inspect
import pydoc
import re
import subprocess
import sys

import pytest
from places import ROOT

import jaxcifar
from jaxcifar.config import Study, sweep
from jaxcifar.evaluation.trained import Network

LOOKED_UP = {
    "train": jaxcifar.train, "load": jaxcifar.load, "predict": jaxcifar.predict,
    "Network.predict": Network.predict, "Study": Study, "sweep": sweep,
    **{name: getattr(jaxcifar.landscape, name) for name in jaxcifar.landscape.__all__
       if not inspect.isclass(getattr(jaxcifar.landscape, name))},
}  # fmt: skip
CANNOT_FAIL = {"band", "default_numbers", "init_states", "hessian_product"}


def first_parameter(thing):
    return next(iter(inspect.signature(thing).parameters))


@pytest.mark.parametrize("name", LOOKED_UP)
def test_help_tells_arguments_results_errors_and_an_example(name):
    said = pydoc.render_doc(LOOKED_UP[name], renderer=pydoc.plaintext)
    said = re.sub(r"\([\s|]+", "(", said)  # long signatures may have a line a parameter
    assert f"{LOOKED_UP[name].__name__}({first_parameter(LOOKED_UP[name])}" in said
    told = said.partition("Args:")[2]
    for parameter in inspect.signature(LOOKED_UP[name]).parameters:
        if parameter not in ("self", "args", "kwargs"):
            assert re.search(rf"\b{parameter}\b", told), f"{parameter} is not told"
    assert inspect.isclass(LOOKED_UP[name]) or "Returns:" in told
    assert name in CANNOT_FAIL or "Raises: UserError" in told
    assert ">>> " in told


@pytest.mark.parametrize("begin", [
    "import jaxcifar", "import jaxcifar.train", "from jaxcifar import train",
    "from jaxcifar.train import main", "import jaxcifar.train as train; train.main",
    "import importlib; assert importlib.import_module('jaxcifar.train').main",
])  # fmt: skip
def test_train_is_a_function_however_it_was_imported(begin):
    code = (
        f"{begin}\nimport inspect, pydoc, jaxcifar, jaxcifar.train as again\n"
        "from jaxcifar import train\n"
        "assert inspect.isfunction(train) and train is jaxcifar.train is again\n"
        "assert list(inspect.signature(train).parameters)[:2] == ['study', 'workdir']\n"
        "assert 'Train every member of a study' in pydoc.render_doc('jaxcifar.train')\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_editors_find_the_names():
    assert {"train", "load", "predict", "config", "landscape"} <= set(dir(jaxcifar))
    assert all(getattr(jaxcifar, name) for name in jaxcifar.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        jaxcifar.trian  # noqa: B018


def test_a_function_may_be_put_in_another_s_place(monkeypatch):
    monkeypatch.setattr(jaxcifar, "train", len)
    assert jaxcifar.train is len
