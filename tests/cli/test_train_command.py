"""``python -m jaxcifar.train`` before it trains: mistakes, the dry run, the help."""

import re
import subprocess
import sys

import pytest
from places import ROOT

from jaxcifar import cli, train
from jaxcifar.core.errors import UserError


def command(*args, **env):
    return cli.run(train.main, [*args])


CONFIG = ("--config", str(ROOT / "configs" / "bn.py:quick"))


@pytest.mark.parametrize("args, words", [
    ((), "which study?"),
    (("--confg", "x"), "did you mean 'config'"),
    ((*CONFIG, "--config.optim.lrr=1"), "did you mean 'lr'"),
    ((*CONFIG, "--config.optim.momentum=0.9"), "has no effect on 'adam'"),
    ((*CONFIG, "--config.model.width=-1"), "model.width=-1.0 is out of range"),
    ((*CONFIG, "--only-group=x"), "no group 'x'"),
    ((*CONFIG, "--config.data.name=cifar10", "--config.data.dir=/nowhere"), "/nowhere"),
])  # fmt: skip
def test_mistakes_exit_2_in_three_lines(args, words, capsys, tmp_path):
    workdir = () if "--config" not in args else ("--workdir", str(tmp_path / "new"))
    assert command(*args, *workdir) == 2
    err = capsys.readouterr().err
    assert words in err and "Traceback" not in err
    assert len(err.strip().splitlines()) <= 3
    assert not (tmp_path / "new").exists(), "nothing is written before everything is checked"


def test_debug_shows_the_traceback(capsys):
    assert command("--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_dry_run_says_what_would_be_trained(capsys, tmp_path):
    stage = ("--config.stages.0.at=0.5", "--config.stages.0.data.augment=hflip")
    assert command(*CONFIG, *stage, "--dry-run", "--workdir", str(tmp_path / "new")) == 0
    out = capsys.readouterr().out
    assert out.count("from epoch 1, step 50: adam, batches of 128, augmented by hflip") == 2
    assert out.count("group vgg_a-") == 2 and "150 steps of 128" in out
    for name in ("bn-0.001", "plain-0.0001"):
        assert name in out
    assert not (tmp_path / "new").exists()


def test_help_lists_the_fields_and_needs_no_jax():
    code = (
        "import sys\nfrom jaxcifar import train\n"
        "try: train.main(['--help'])\nexcept SystemExit as e: assert not e.code\n"
        "assert not {'jax', 'flax', 'optax'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    for word in ("--config.optim.lr", "--config.model.width", "--workdir", "--dry-run"):
        assert word in done.stdout


def test_help_names_only_flags_that_are_taken(capsys):
    with pytest.raises(SystemExit):
        train.main(["--help"])
    lines = capsys.readouterr().out.splitlines()[1:]  # after the usage, options in boxes
    options = [line for line in lines if re.match(r"\W*--\w", line)]
    names = {name for line in options for name in re.findall(r"--(\w[\w.-]*)", line)}
    plain = {name for name in names if not name.startswith("config.")}
    own = {"workdir", "dry-run", "only-group", "no-report", "tracker", "debug"}
    assert plain == own | {"coordinator", "process-id", "process-count"}
    study = cli.load_study(CONFIG[1])
    assert len(names) > 60
    for name in names - plain:
        with pytest.raises(UserError) as said:  # such as "cannot be read": the field is known
            cli.apply_overrides(study, [(name.removeprefix("config.").replace("-", "_"), "{}")])
            raise UserError("taken as it is")
        assert "unknown field" not in str(said.value)
