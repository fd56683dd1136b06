"""Imports point one way, from the command down to the core, and no two modules or classes share a name.

Every import counts, wherever it stands: one in a function that loads something late, and one for type checkers alone.
"""

import ast
from collections import Counter
from collections.abc import Iterable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import shuttle
from tests.helpers.imports import find_imports

PACKAGE = Path(shuttle.__file__).parent

# From the bottom up: a room imports itself and what is below it. PUBLIC is `shuttle/__init__.py`.
PUBLIC = ""
LAYERS = (
    {"system", "errors", "clock", "event_loop", "readiness", "handover"},
    {"core", "secret_file"},
    {"config"},
    {"observe", "store"},
    {"delivery"},
    {"input", "drain"},
    {"landing", "block"},
    {"assembly", "host"},
    {"overview"},
    {"shuttle"},
    {"worker"},
    {"logging"},
    {PUBLIC},
    {"command"},
    {"__main__"},
)
RANKS = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
BESIDE = {("store", "observe")}  # within a layer: the stores log
MOST_COLLABORATORS = 7

# A program of its own, which takes nothing of the agent but the flags' grammar, the log and what escapes text.
LOCAL_DRAIN = "local_drain"
LENT = {"system", "errors", "command.flags", "core.utf8", "core.escape"}
LENT_ROOMS = {"observe", LOCAL_DRAIN}


def name_module(path: Path) -> str:
    """Return the name of a module in the package, without the package's: `drain.http.tls`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts).removesuffix("__init__").removesuffix(".")


TREES = {name_module(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def find_targets(module: str) -> set[str]:
    """Return which modules of the package `module` imports.

    `__version__` stands in the package's own file, which Python runs before any module in it: who takes that takes
    nothing from above.
    """
    targets = set()
    for source, name in find_imports(TREES[module]):
        assert not source.startswith("."), "imports are written in full"
        if source.split(".")[0] == "shuttle" and (source, name) != ("shuttle", "__version__"):
            inside = f"{source}.{name}".removeprefix("shuttle").removeprefix(".")
            targets.add(inside if inside in TREES else source.removeprefix("shuttle").removeprefix("."))
    return targets - {module}


def find_room(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def may_import(module: str, target: str) -> bool:
    room, other = find_room(module), find_room(target)
    if LOCAL_DRAIN in {room, other}:
        return room == LOCAL_DRAIN and (target in LENT or other in LENT_ROOMS)
    return room == other or RANKS[other] < RANKS[room] or (room, other) in BESIDE


def test_every_module_is_in_a_room() -> None:
    assert {find_room(module) for module in TREES} - {LOCAL_DRAIN} <= RANKS.keys()


@pytest.mark.parametrize("module", TREES)
def test_imports_point_down(module: str) -> None:
    assert {target for target in find_targets(module) if not may_import(module, target)} == set()


def test_no_imports_go_in_a_circle() -> None:
    TopologicalSorter({module: find_targets(module) for module in TREES}).prepare()  # its CycleError names them


def test_no_rooms_import_each_other() -> None:
    rooms: dict[str, set[str]] = {}
    for module in TREES:
        room = find_room(module)
        rooms.setdefault(room, set()).update({find_room(target) for target in find_targets(module)} - {room})
    TopologicalSorter(rooms).prepare()


def test_no_two_modules_share_a_name() -> None:
    assert find_repeated(path.stem for path in PACKAGE.rglob("*.py")) <= {"__init__", "__main__"}


def test_no_two_classes_share_a_name() -> None:
    classes = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert find_repeated(node.name for node in classes) == set()


def find_repeated(names: Iterable[str]) -> set[str]:
    return {name for name, times in Counter(names).items() if times > 1}


def test_no_class_takes_more_than_seven_collaborators() -> None:
    taken = {
        f"{module}.{node.name}": len(made.args.args[1:]) + len(made.args.kwonlyargs)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for made in node.body
        if isinstance(made, ast.FunctionDef) and made.name == "__init__"
    }
    assert {name: count for name, count in taken.items() if count > MOST_COLLABORATORS} == {}
