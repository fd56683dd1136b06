"""The core is pure: time and randomness are arguments, nothing waits, nothing logs, nothing sends."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import shuttle
from tests.helpers.imports import find_imports

CORE = Path(shuttle.__file__).parent / "core"
TREES = {path.stem: ast.parse(path.read_text("utf-8")) for path in sorted(CORE.rglob("*.py"))}
MODULES = pytest.mark.parametrize("module", TREES)

# What the whole core imports, all told: a new name here is a decision. None of it waits, logs or sends; datetime and
# email.utils could read a clock, and test_the_core_reads_no_clock says that they do not.
ALLOWED = {
    *(
        "base64",
        "bisect",
        "collections.abc",
        "copy",
        "dataclasses",
        "datetime",
        "email.utils",
        "enum",
        "hashlib",
        "html.entities",
        "http",
        "ipaddress",
    ),
    *("itertools", "math", "re", "typing", "urllib.parse", "shuttle.errors"),
}
# A URL is a value. Nothing else of its library belongs here.
VALUES = {"httpx": {"URL", "InvalidURL"}}
CLOCKS = {"now", "utcnow", "today", "localtime", "time", "time_ns", "monotonic", "perf_counter", "formatdate"}
WORLD = {"random", "secrets", "logging", "structlog", "socket", "ssl", "asyncio", "anyio", "trio", "httpx"}


def find_sources(module: str) -> set[str]:
    return {source for source, _ in find_imports(TREES[module])}


def find_taken(module: str) -> set[str]:
    """Return the names of all that is taken out of modules and objects: `now` of `datetime.now` and of its import."""
    return {node.attr for node in ast.walk(TREES[module]) if isinstance(node, ast.Attribute)} | {
        name for _, name in find_imports(TREES[module])
    }


def is_of_the_core(source: str) -> bool:
    return source == "shuttle.core" or source.startswith("shuttle.core.")


def test_the_core_is_found() -> None:
    assert {"lines", "frame", "ledger", "setting"} <= TREES.keys()


@MODULES
def test_the_core_imports_only_modules_without_effects(module: str) -> None:
    foreign = {source for source in find_sources(module) if not is_of_the_core(source)}
    assert foreign - VALUES.keys() <= ALLOWED


@MODULES
def test_the_core_takes_only_values_from_libraries(module: str) -> None:
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in VALUES:
            assert node.attr in VALUES[node.value.id]
    for source, name in find_imports(TREES[module]):
        assert source not in VALUES or name in {"", *VALUES[source]}


@MODULES
def test_the_core_has_no_async_code(module: str) -> None:
    waiting = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    assert [node for node in ast.walk(TREES[module]) if isinstance(node, waiting)] == []


@MODULES
def test_the_core_reads_no_clock(module: str) -> None:
    assert find_taken(module) & CLOCKS == set()


@MODULES
def test_the_core_calls_no_builtin_with_effects(module: str) -> None:
    """It opens and prints nothing, and imports nothing dynamically."""
    names = {node.id for node in ast.walk(TREES[module]) if isinstance(node, ast.Name)}
    assert names & {"open", "print", "input", "exec", "eval", "__import__", "import_module", "globals"} == set()


@pytest.mark.parametrize("module", [module for module in TREES if not find_sources(module) & VALUES.keys()])
@pytest.mark.process
def test_the_core_loads_no_module_with_effects(module: str) -> None:
    """Through no other module either. The library of URLs does, so what has URLs is left out."""
    name = "shuttle.core" if module == "__init__" else f"shuttle.core.{module}"
    code = f"import sys; before = set(sys.modules); import {name}; print(*set(sys.modules) - before)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(shown.stdout.split())
    assert name in loaded
    assert all(is_of_the_core(other) for other in loaded - {"shuttle.errors"} if other.startswith("shuttle."))
    assert loaded & WORLD <= ({"random", "socket"} if module == "backoff" else set())  # email.utils has them
