"""The documents' table of flags, made from their declarations, and the files that a system wants of a command.

`python -m shuttle.command.reference` prints the table; with the names of documents it is written into each, between
BEGIN and END. A directory gets the completions and the manual page. `make reference` does that.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from shuttle.command.completions import list_completions
from shuttle.command.flags import Flag, format_use
from shuttle.command.manual import format_manual
from shuttle.command.options import FLAGS

BEGIN = "<!-- The flags: made by `make reference`, not by hand. -->\n"
END = "<!-- The end of the flags. -->\n"


def format_reference() -> str:
    """Return the table: a row for each flag."""
    rows = [_format_row(flag) for flag in FLAGS]
    return "\n".join(["| flag | default | |", "|---|---|---|", *rows, ""])


def _format_row(flag: Flag) -> str:
    default = f"`{flag.default}`" if flag.default else ""
    return f"| `{format_use(flag)}` | {default} | {flag.help} |"


def insert_reference(document: str) -> str:
    """Return `document` with the table between BEGIN and END.

    Raises:
        ValueError: They do not stand in it, each once and in this order.
    """
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{format_reference()}\n{END}{after}"


def list_shared() -> dict[str, str]:
    """Return the text of each file below `share/` by its path there."""
    return {**dict(list_completions()), "man/man1/log-shuttle.1": format_manual()}


def main(documents: Sequence[str]) -> None:
    """Write the table into `documents`, or print it if there are none; a directory gets what belongs into `share/`."""
    if not documents:
        sys.stdout.write(format_reference())
    for path in map(Path, documents):
        if path.is_dir():
            _share(path)
            continue
        path.write_text(insert_reference(path.read_text("utf-8")), "utf-8")


def _share(directory: Path) -> None:
    for name, text in list_shared().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
