"""Which of this package's own code decides a run's last bits, and what tells two versions apart."""

import ast
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

ARITHMETIC = (
    "augment", "core/keys.py", "core/number_bands.py", "core/shards.py", "core/types.py", "losses",
    "models", "optim", "programs", "schedules",
)  # fmt: skip
"""All that compiled programs are made of: modules, and whole rooms with their tables."""


@functools.cache
def digest(root: Path = Path(__file__).parents[1], parts: Sequence[str] = ARITHMETIC) -> str:
    """Twelve hexadecimal digits of SHA-256 over what the parts define, wherever it stands.

    Definitions count one by one, as Python reads them, and tables by their values: a comment, a
    docstring, or a definition moved to another file leaves the digest as it is, so that no run is
    orphaned by it. All else changes it.
    """
    files = [path for part in parts for path in _files(root / part)]
    pieces = sorted(piece for path in files for piece in _pieces(path, root))
    return hashlib.sha256("\0".join(pieces).encode()).hexdigest()[:12]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [inside for inside in path.rglob("*") if inside.suffix in (".py", ".json")]


def _pieces(path: Path, root: Path) -> Iterator[str]:
    """The statements of a module, or the one table of a JSON file."""
    text = path.read_text()
    if path.suffix == ".json":
        yield json.dumps(json.loads(text), sort_keys=True)
        return
    tree = ast.parse(text)
    yield from map(ast.unparse, _Bare(_modules(tree, root)).visit(tree).body)


def _modules(tree: ast.Module, root: Path) -> set[str]:
    """Names by which a file knows other modules of the package."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            place = root.joinpath(*node.module.split(".")[1:])
            for alias in node.names:
                inside = place / alias.name
                if inside.is_dir() or inside.with_suffix(".py").is_file():
                    found.add(alias.asname or alias.name)
    return found


class _Bare(ast.NodeTransformer):
    """Leaves out imports and documentation, and says ``name`` for ``module.name``."""

    def __init__(self, modules: set[str]) -> None:
        self.modules = modules

    def visit_Import(self, node: ast.Import) -> None:
        """Nothing of it."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Nothing of it."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Docstrings are no code."""
        value = node.value
        text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        return None if text else self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """A name of another module by itself."""
        known = isinstance(node.value, ast.Name) and node.value.id in self.modules
        return ast.Name(node.attr, node.ctx) if known else self.generic_visit(node)
