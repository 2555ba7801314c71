"""Record files at random bytes: read, or refused by their name."""

import random
import time
import warnings

import made_records
import pytest
from fuzzed import mutated

from jaxcifar import report
from jaxcifar.core.errors import UserError
from jaxcifar.figures import read_run

SECONDS = 5
FILES = ("config.json", "metrics.jsonl", "steps.npz", "summary.json", "environment.json")


@pytest.mark.reliability("T20")
@pytest.mark.parametrize("count", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_mutated_records_are_read_or_refused_by_their_name(tmp_path, count, tried):
    folder, rng, refused = made_records.write_run(tmp_path, norms=("batch",)), random.Random(1), 0
    files = [folder / name for name in FILES if (folder / name).exists()]
    assert len(files) >= 3
    for index in range(count):
        file = files[index % len(files)]
        content, began = file.read_bytes(), time.process_time()
        file.write_bytes(mutated(rng, content))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                for door in (read_run, report.table):
                    door(folder)
        except UserError as error:
            refused += 1
            assert str(folder) in str(error) and 1 <= len(str(error).splitlines()) <= 3
        finally:
            file.write_bytes(content)
        assert time.process_time() - began < SECONDS
    assert refused > count / 4
    tried(count)
