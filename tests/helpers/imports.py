"""Reads the imports of Python files, wherever in them they stand: in functions and under TYPE_CHECKING too."""

import ast
from collections.abc import Iterator


def find_imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of each import; the name is empty where a whole module is imported."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, "") for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                yield from (("." * level + (module or ""), alias.name) for alias in names)
