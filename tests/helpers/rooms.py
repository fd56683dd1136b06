"""The map of the rooms, made of the docstrings: `python -m tests.helpers.rooms docs/rooms.md` writes it there."""

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "shuttle"
BEGIN = "<!-- The rooms: made by `make reference`, not by hand. -->\n"
END = "<!-- The end of the rooms. -->\n"


def read_summary(path: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def format_rooms() -> str:
    """Return a table of modules for each folder, the top of the package first."""
    folders = sorted({path.parent for path in PACKAGE.rglob("*.py")}, key=lambda folder: folder.parts)
    return "\n".join(map(_format_room, folders))


def _format_room(folder: Path) -> str:
    name = folder.relative_to(PACKAGE.parent).as_posix()
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    rows = [f"| `{path.name}` | {read_summary(path)} |" for path in modules]
    table = ["| module | |", "|---|---|", *rows, ""] if rows else []
    return "\n".join([f"### {name}/", "", read_summary(folder / "__init__.py"), "", *table])


def insert_rooms(document: str) -> str:
    """Return `document` with the map between BEGIN and END."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{format_rooms()}\n{END}{after}"


if __name__ == "__main__":
    for document in map(Path, sys.argv[1:]):
        document.write_text(insert_rooms(document.read_text("utf-8")), "utf-8")
