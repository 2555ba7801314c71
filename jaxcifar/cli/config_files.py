"""A study from a config file: one of the user's, or one of those that come with the package."""

import dataclasses
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from jaxcifar.config import Study
from jaxcifar.core.errors import UserError, nearest
from jaxcifar.core.files import CHECKOUT, given

SHIPPED = (CHECKOUT / "jaxcifar" / "studies", CHECKOUT / "configs")
"""Where the package's own studies lie: as installed from a wheel, and in a checkout."""

MOST = 12  # names that a message lists


def load_study(text: str) -> Study:
    """The study of ``path/to/config.py[:variant]``, or of ``NAME[:variant]`` of a shipped one.

    A config file is run as a script is: it finds modules that lie beside it.

    Raises: UserError: no such file or name, no `get_config` in it that gives a Study, an unknown
        variant, or whatever the file raises itself, with the line of it.
    """
    name, variant = _parts(text)
    path = _find(name)
    with _beside(path):
        study = _study(path, name, variant)
    return dataclasses.replace(study, variant=variant)


def _parts(text: str) -> tuple[str, str | None]:
    """A file or name, and the variant; a colon in a folder's name begins none."""
    name, _, variant = text.rpartition(":")
    if not name or "/" in variant or variant.endswith(".py"):
        return text.removesuffix(":"), None
    return name, variant or None


def _find(name: str) -> Path:
    shipped = {path.stem: path for place in SHIPPED for path in sorted(place.glob("*.py"))}
    if name in shipped:
        return shipped[name]
    path = given(name)
    if path.is_file():
        if path.suffix != ".py":
            raise UserError(f"{name} is no Python file\nname a config.py, or a shipped study: bn")
        return path
    if path.suffix == ".py" or path.parent != Path():
        near = sorted(p.as_posix() for p in path.parent.glob("*.py"))
        here = ", ".join(near[:MOST]) + (", ..." if len(near) > MOST else "")
        also = f"\nshipped, by name: --config {path.stem}" if path.stem in shipped else ""
        raise UserError(
            f"no config file {name!r}{nearest(name, near)}\nhere are: {here or 'none'}{also}"
        )
    raise UserError(
        f"no config file {name!r}, and no shipped study of this name{nearest(name, shipped)}\n"
        f"shipped are: {', '.join(shipped)}"
    )


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Within, modules that lie beside a file are found first, as Python does for a script.

    They are forgotten afterwards: a file of another folder has its own modules of these names.
    """
    folder = path.absolute().parent
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        new = set(sys.modules) - before
        tops = {n for n in new if "." not in n and _lies_in(sys.modules[n], folder)}
        for name in new:
            if name.partition(".")[0] in tops:
                del sys.modules[name]


def _lies_in(module: ModuleType, folder: Path) -> bool:
    """Whether a top-level module is a file of the folder, or a package there."""
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(Path(place).parent == folder for place in places if place)


def _study(path: Path, name: str, variant: str | None) -> Study:
    """What the file's `get_config` gives."""
    try:
        found = _module(path).get_config(variant)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        _tell(error, path)
    if not isinstance(found, Study):
        what = "None: does it return?" if found is None else f"a {type(found).__name__}"
        raise UserError(
            f"{name}: get_config({variant!r}) gave {what}\nexpected: a jaxcifar.config.Study, such "
            "as Study('mine', Config())"
        )
    return found


def _module(path: Path) -> Any:
    """The file as a module. It stays known by its name, under which dataclasses look up types."""
    # with a dot, unlike the modules that `_beside` forgets
    known_as = f"jaxcifar_config:{path.absolute()}"
    spec = importlib.util.spec_from_file_location(known_as, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is no Python file")
    module = sys.modules[known_as] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[known_as]
        raise
    if not callable(getattr(module, "get_config", None)):
        raise UserError(f"{path} defines no get_config(variant) -> Study")
    return module


def _tell(error: BaseException, path: Path) -> NoReturn:
    """Raise what a file raised as a mistake in it: ``path/to/config.py:7: NameError: ...``."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
             if Path(frame.filename) == path.absolute()]  # fmt: skip
    line = getattr(error, "lineno", None) or (lines or [None])[-1]
    place = f"{path}:{line}" if line else str(path)
    said = (str(error).splitlines() or [""])[0]
    raise UserError(f"{place}: {type(error).__name__}: {said}") from error
