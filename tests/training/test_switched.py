"""A run among other switches of jax: the same bits, or refused where they would not be."""

import os
import subprocess
import sys

import cli_runs
import numpy as np
import pytest

from jaxcifar.records import formats

RUN = """
import sys, tiny, jaxcifar
from jaxcifar.config import Study, replace
base = replace(tiny.BASE, {"data.n_train": 40, "data.n_test": 20, "train.epochs": 1})
try:
    results = jaxcifar.train(Study("switched", base), sys.argv[1])
    row = results.summary["members"]["run"]["test"]
    images = tiny.images(3)[0]
    print(row, jaxcifar.predict(results.workdir, "run", images).tolist())
except jaxcifar.core.errors.UserError as error:
    sys.exit(str(error))
"""


def trained(workdir, **switches):
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    return subprocess.run(
        [sys.executable, "-c", RUN, workdir], env=environment | switches, text=True,
        capture_output=True, cwd=cli_runs.ROOT / "tests",
    )  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("plain") / "run"
    done = trained(workdir)
    assert done.returncode == 0, done.stderr
    return workdir, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("switches", [
    {"JAX_ENABLE_X64": "1", "JAX_DEFAULT_PRNG_IMPL": "rbg"},
    {"JAX_THREEFRY_PARTITIONABLE": "0", "JAX_RANDOM_SEED_OFFSET": "3"},
    {"JAX_NUMPY_DTYPE_PROMOTION": "strict", "JAX_SOFTMAX_CUSTOM_JVP": "1"},
])  # fmt: skip
def test_fixed_switches_leave_every_bit(plain, tmp_path, switches):
    done = trained(tmp_path / "run", **switches)
    assert done.returncode == 0 and done.stdout == plain[1], done.stderr
    one, two = (formats.read_table(path / "steps.npz") for path in (plain[0], tmp_path / "run"))
    assert one.keys() == two.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("switches, words", [
    ({"JAX_DEFAULT_MATMUL_PRECISION": "highest"}, "jax_default_matmul_precision: None there"),
    ({"XLA_FLAGS": "--xla_cpu_enable_fast_math=true"}, "XLA_FLAGS: None there, '--xla_cpu_en"),
    ({"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}, "host devices: None there, 2 here"),
    ({"NPROC": "1"}, "NPROC: None there, '1' here"),
])  # fmt: skip
def test_others_are_refused_when_a_run_continues(plain, tmp_path, switches, words):
    workdir = plain[0]
    for path in (workdir / "summary.json", *workdir.glob("groups/*/summary.json")):
        path.unlink(missing_ok=True)  # as if it had been killed before it was scored
    done = trained(workdir, **switches)
    assert done.returncode == 1 and words in done.stderr, done.stderr
