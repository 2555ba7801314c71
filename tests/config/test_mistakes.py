"""Every field misspelt, of a wrong type, out of range, without effect: refused before any data."""

import math
import random
import string
import typing
from functools import lru_cache

import pytest
from config_leaves import LEAVES, NASTY

from jaxcifar import augment, cli, losses, models, optim, schedules
from jaxcifar.config import Config, Study, replace
from jaxcifar.core.errors import UserError
from jaxcifar.optim import averaging
from jaxcifar.planning import resolve

STUDY = Study("s", Config())
TABLES = {
    "model": models.MODELS, "optim": optim.OPTIMIZERS, "schedule": schedules.SCHEDULES,
    "loss": losses.LOSSES, "average": averaging.AVERAGES,
}  # fmt: skip


def refusal(path, text):
    """What is said of an override; None where it is taken."""
    try:
        study, _ = cli.apply_overrides(STUDY, [(path, text)])
        resolve.resolve_stages(study.base)
    except UserError as error:
        assert len(str(error).splitlines()) <= 3
        return str(error)
    return None


def edited(rng, word):
    """One letter left out, put in, exchanged or replaced."""
    at, letter = rng.randrange(len(word)), rng.choice(string.ascii_lowercase + "_")
    kinds = (word[:at] + word[at + 1 :], word[:at] + letter + word[at:],
             word[:at] + letter + word[at + 1 :],
             word[:at] + word[at : at + 2][::-1] + word[at + 2 :])  # fmt: skip
    return rng.choice(kinds)


@pytest.mark.reliability("T9")
def test_every_name_misspelt_is_refused_and_the_right_one_offered(tried):
    """By one edit or, where five letters or more are left to know it by, by two."""
    rng, count, offered = random.Random(0), 0, 0
    for path in [*LEAVES, "seeds"]:
        *sections, name = path.split(".")
        for edits in (1, 1, 1, 1, 2, 2, 2, 2):
            word = name
            for _ in range(edits if len(name) > 6 else 1):
                word = edited(rng, word) or name
            wrong = ".".join([*sections, word])
            if wrong in (*LEAVES, "seeds", "stages") or not word.strip("_"):
                continue
            said = refusal(wrong, "1")
            assert said, f"{wrong} was taken"
            count += 1
            offered += f"did you mean {name!r}" in said
    tried(count)
    assert count > 700 and offered >= 0.95 * count, f"{offered} of {count}"


WRONG = {int: ("1.5", "1,2", "None"), float: ("abc", "True"), bool: ("maybe", "None"), str: ()}


def kinds(hint):
    """The plain types that a field takes, of its elements where it takes several."""
    args = [arm for arm in typing.get_args(hint) if arm not in (type(None), ...)]
    return {kind for arm in args for kind in kinds(arm)} if args else {hint}


def wrong_values():
    for path, hint in LEAVES.items():
        found = kinds(hint)
        many = "tuple" in str(hint)
        for kind in WRONG.keys() & found if len(found) == 1 else ():
            for text in WRONG[kind]:
                if not (text == "None" and "None" in str(hint)) and not (many and "," in text):
                    yield path, text


@pytest.mark.reliability("T9")
def test_every_value_of_a_wrong_type_is_refused(tried):
    cases = list(wrong_values())
    assert len(cases) > 100
    taken = [case for case in cases if refusal(*case) is None]
    assert not taken
    tried(len(cases))


@pytest.mark.reliability("T9")
def test_no_number_is_taken_that_programs_cannot_hold(tried):
    numbers = [path for path, hint in LEAVES.items() if kinds(hint) <= {int, float}]
    count = 0
    for path in numbers:
        whole, several = kinds(LEAVES[path]) == {int}, "tuple" in str(LEAVES[path])
        bad = (2**31, -(10**24)) if whole else (math.nan, math.inf, -math.inf, 1e39, -1e300)
        for value in bad:
            with pytest.raises(UserError, match=f"{path}=.* is out of range\nallowed: "):
                replace(Config(), {path: (value, value) if several else value})
            count += 1
    assert count > 200
    tried(count)


def options():
    """(section, component, option that it does not take) of every table."""
    for section, table in TABLES.items():
        every = {option for row in table.values() for option in row.options}
        for name, row in table.items():
            yield from ((section, name, option) for option in sorted(every - {*row.options}))


@pytest.mark.reliability("T9")
def test_every_option_without_effect_is_refused_by_its_name(tried):
    count = 0
    for section, name, option in options():
        if f"{section}.{option}" not in LEAVES:
            continue
        value = _of_type(section, option)
        with pytest.raises(UserError) as error:
            resolve.resolve(replace(Config(), {f"{section}.name": name,
                                               f"{section}.{option}": value}))  # fmt: skip
        said = str(error.value)
        assert f"{section}.{option}={value!r} has no effect on {name!r}" in said, said
        assert len(said.splitlines()) <= 3
        count += 1
    assert count > 300
    tried(count)


@lru_cache
def _of_type(section, option):
    """A value that the field itself takes."""
    hint = LEAVES[f"{section}.{option}"]
    words = [arm for part in (hint, *typing.get_args(hint)) for arm in typing.get_args(part)]
    for text in (*filter(lambda word: isinstance(word, str), words), *NASTY):
        try:
            study, _ = cli.apply_overrides(STUDY, [(f"{section}.{option}", text)])
        except UserError:
            continue
        value = getattr(getattr(study.base, section), option)
        if value is not None:
            return value
    raise AssertionError(f"no value found for {section}.{option}")


@pytest.mark.reliability("T9")
def test_every_option_of_an_augmentation_that_is_not_asked_for_is_refused(tried):
    given = augment.resolve((), {})
    assert given == ((), {})
    fields = [path for path in LEAVES if path.startswith("data.")]
    own = {"name", "dir", "normalisation", "augment", "validation", "split_seed", "n_train",
           "n_test"}  # fmt: skip
    asked = [path for path in fields if path.removeprefix("data.") not in own]
    for path in asked:
        value = next(
            v for text in ("0.5", "1", "0.1,0.2", "4", "4,2", "0.5,0.5", "centre8")
            if (v := _taken(path, text)) is not None
        )  # fmt: skip
        with pytest.raises(UserError, match=f"{path}=.* has no effect"):
            resolve.resolve(replace(Config(), {path: value}))
    assert len(asked) > 10
    tried(len(asked))


def _taken(path, text):
    try:
        return getattr(cli.apply_overrides(STUDY, [(path, text)])[0].base.data, path[5:])
    except UserError:
        return None
