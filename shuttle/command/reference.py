"""The documents' table of flags, made from their declarations.

`python -m shuttle.command.reference` prints the table; with the names of documents it is written into each, between
BEGIN and END. `make reference` does that.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from shuttle.command.flags import Flag, format_use
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


def main(documents: Sequence[str]) -> None:
    """Write the table into `documents`, or print it if there are none."""
    if not documents:
        sys.stdout.write(format_reference())
    for path in map(Path, documents):
        path.write_text(insert_reference(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
