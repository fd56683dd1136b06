"""The core is pure: time and randomness are arguments, nothing waits, nothing logs, nothing sends."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import shuttle

PACKAGE = Path(shuttle.__file__).parent
PURE = ("lines", "utf8", "escape", "decoding", "mask", "frame", "batch", "outcome", "backoff", "ledger")

# What the whole core imports, all told: a new name here is a decision. None of it waits, logs or sends; datetime and
# email.utils could read a clock, and test_it_reads_no_clock says that they do not.
ALLOWED = {
    *(
        "base64",
        "bisect",
        "collections.abc",
        "dataclasses",
        "datetime",
        "email.utils",
        "enum",
        "hashlib",
        "http",
        "itertools",
    ),
    *("re", "typing", "urllib.parse"),
}
# The one value type that the core shares with the rest. Its module checks a configuration, and for that looks at files
# and parses a URL with httpx.URL; the core takes from it what is listed here and calls none of that.
VALUES = {"shuttle.config": {"Config", "FRAME_LIMIT"}}
CLOCKS = {"now", "utcnow", "today", "localtime", "time", "time_ns", "monotonic", "perf_counter", "formatdate"}
WORLD = {"random", "secrets", "logging", "structlog", "socket", "ssl", "asyncio", "anyio", "trio", "httpx"}


def parse(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"core/{module}.py").read_text("utf-8"))


def find_imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of each import, wherever it stands; the name is empty where a whole module is imported."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, "") for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                yield from (("." * level + (module or ""), alias.name) for alias in names)


def find_taken(tree: ast.AST) -> set[str]:
    """Return the names of all that is taken out of modules and objects: `now` of `datetime.now` and of its import."""
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | {
        name for _, name in find_imports(tree)
    }


@pytest.mark.parametrize("module", PURE)
def test_the_core_imports_itself_the_configuration_and_what_has_no_effects(module: str) -> None:
    for source, name in find_imports(parse(module)):
        if source in VALUES:
            assert name in VALUES[source]
        elif source.startswith("shuttle"):
            assert source.removeprefix("shuttle.core.") in PURE
        else:
            assert source in ALLOWED


def test_only_the_framer_needs_the_configuration() -> None:
    users = {module for module in PURE for source, _ in find_imports(parse(module)) if source in VALUES}
    assert users == {"frame"}


@pytest.mark.parametrize("module", PURE)
def test_nothing_in_the_core_waits(module: str) -> None:
    waiting = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    assert [node for node in ast.walk(parse(module)) if isinstance(node, waiting)] == []


@pytest.mark.parametrize("module", PURE)
def test_it_reads_no_clock(module: str) -> None:
    assert find_taken(parse(module)) & CLOCKS == set()


@pytest.mark.parametrize("module", PURE)
def test_it_opens_prints_and_imports_nothing_behind_the_back(module: str) -> None:
    names = {node.id for node in ast.walk(parse(module)) if isinstance(node, ast.Name)}
    assert names & {"open", "print", "input", "exec", "eval", "__import__", "import_module", "globals"} == set()


@pytest.mark.parametrize("module", [module for module in PURE if module not in {"frame", "batch"}])
@pytest.mark.process
def test_without_the_configuration_the_core_loads_none_of_the_world(module: str) -> None:
    """Through no other module either. What loads the configuration, loads httpx and what that loads."""
    code = f"import sys; before = set(sys.modules); import shuttle.core.{module}; print(*set(sys.modules) - before)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(shown.stdout.split())
    assert f"shuttle.core.{module}" in loaded
    assert {name for name in loaded if name.startswith("shuttle.")} <= {
        "shuttle.core",
        *(f"shuttle.core.{pure}" for pure in PURE),
    }
    assert loaded & WORLD <= ({"random", "socket"} if module == "backoff" else set())  # email.utils has them
