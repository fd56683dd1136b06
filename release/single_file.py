"""Builds log-shuttle as one file that runs wherever Python 3.11 or later is installed.

    python -m release.single_file dist/log-shuttle.pyz python3.11 python3.13

It is a zip archive that Python runs. It holds log-shuttle and those of its dependencies that are not compiled, in the
versions and with the hashes of `requirements.lock`. Python imports no compiled module out of an archive, and unpacking
one into a directory of the user's would be a surprise; so h11 does the work of httptools, asyncio that of uvloop, and
zlib that of isal. Rotated files in zstd are not read there before Python 3.14.

Python keeps no bytecode of what stands in an archive. So the archive brings it, for each Python that is named, a
package an entry: that is found faster than files are. Other Pythons run the sources, which takes longer at each start.
The same files give the same archive.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMPILED = ("backports-zstd", "httptools", "isal", "uvloop")
_SHEBANG = b"#!/usr/bin/env python3\n"
_HERE = Path(__file__).parent
_WITH_DATA = ("certifi",)  # whose data is found beside their sources
_BYTECODE = "bytecode"
_UNUSED = ("bin", "*.typed", "__pycache__", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "*.sh", "tqdm.1")
_OLDEST = (1980, 1, 1, 0, 0, 0)  # the time of each entry: a zip archive knows none before it


def list_plain(lock: str) -> Iterator[str]:
    """Yield the entries of a lock file whose packages are not compiled."""
    for entry in re.split(r"\n(?=\w)", lock.strip()):
        if not entry.startswith("#") and entry.partition("==")[0] not in COMPILED:
            yield entry


def collect(target: Path) -> None:
    """Install the dependencies that are not compiled into the directory `target`."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("\n".join(list_plain((ROOT / "requirements.lock").read_text("utf-8").partition("\n")[2])))
        wanted.flush()
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", str(target)]
        subprocess.run([*command, "--requirement", wanted.name], check=True)


def compile_for(python: str, target: Path) -> None:
    """Write the bytecode that `python` makes of the sources into its own folder."""
    bytecode = target / _BYTECODE
    bytecode.mkdir(exist_ok=True)
    subprocess.run([python, str(_HERE / "bytecode.py"), str(target / "source"), str(bytecode), *_WITH_DATA], check=True)


def pack(source: Path, archive: Path) -> None:
    """Write an archive of the directory `source`, and make it executable."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with archive.open("wb") as file:
        file.write(_SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    place = path.relative_to(source)
                    entry = zipfile.ZipInfo(place.as_posix(), _OLDEST)
                    stored = place.parts[0] == _BYTECODE  # unpacking it at each start would take longer
                    entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
                    entry.external_attr = 0o644 << 16
                    packed.writestr(entry, path.read_bytes())
    archive.chmod(0o755)


def build(archive: Path, dependencies: Path, pythons: Sequence[str]) -> None:
    """Build `archive` from the directory `dependencies`, with bytecode for each of `pythons`."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory)
        source = target / "source"
        shutil.copytree(dependencies, source, ignore=shutil.ignore_patterns(*_UNUSED))
        shutil.copytree(ROOT / "shuttle", source / "shuttle", ignore=shutil.ignore_patterns(*_UNUSED, "local_drain"))
        shutil.copy(ROOT / "LICENSE", source / "shuttle")
        if found := sorted(source.rglob("*.so")):
            raise SystemExit(f"{found[0].name} is compiled: Python imports it out of no archive")
        for python in pythons:
            compile_for(python, target)
        shutil.copy(_HERE / "single_file_main.py", target / "__main__.py")
        pack(target, archive)


def main(archive: Path, pythons: Sequence[str]) -> None:
    """Build `archive` from the lock file's packages, with bytecode for each of `pythons`."""
    with tempfile.TemporaryDirectory() as dependencies:
        collect(Path(dependencies))
        build(archive, Path(dependencies), pythons)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
