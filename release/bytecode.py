"""Compiles the sources of the single file: python3.13 release/bytecode.py SOURCE TARGET [package that is left out ...].

It is run by the Python that the bytecode is for, and imports nothing of this project. The target gets a file whose name is
that bytecode's magic number: for each module whether it is a package, and its marshalled code.
"""

import marshal
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path


def main(source: Path, target: Path, omitted: list[str]) -> None:
    """Compile what is in `source` into a file in `target`."""
    modules = {}
    for path in sorted(source.rglob("*.py")):
        place = path.relative_to(source)
        if place.parts[0] not in omitted:
            is_package = place.name == "__init__.py"
            name = ".".join(place.parent.parts if is_package else place.with_suffix("").parts)
            code = compile(path.read_bytes(), place.as_posix(), "exec", dont_inherit=True)
            modules[name] = (is_package, marshal.dumps(code))
    (target / MAGIC_NUMBER.hex()).write_bytes(marshal.dumps(modules))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
