"""Compiles the sources of the single file: python3.13 release/bytecode.py SOURCE TARGET [package that is left out ...].

It is run by the Python that the bytecode is for, and imports nothing of this project. The target gets a folder whose
name is that bytecode's magic number, and in it a file for each package: for each module in it whether it is a package
itself, and its marshalled code.
"""

import marshal
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path


def main(source: Path, target: Path, omitted: list[str]) -> None:
    """Compile what is in `source` into a file in `target`."""
    packages: dict[str, dict[str, tuple[bool, bytes]]] = {}
    for path in sorted(source.rglob("*.py")):
        place = path.relative_to(source)
        is_package = place.name == "__init__.py"
        parts = place.parent.parts if is_package else place.with_suffix("").parts
        if parts[0] not in omitted:
            code = compile(path.read_bytes(), place.as_posix(), "exec", dont_inherit=True)
            packages.setdefault(parts[0], {})[".".join(parts)] = (is_package, marshal.dumps(code))
    folder = target / MAGIC_NUMBER.hex()
    folder.mkdir(exist_ok=True)  # two Pythons may have the same bytecode
    for name, modules in packages.items():
        (folder / name).write_bytes(marshal.dumps(modules))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
