"""Writes the files that a system expects of a command: completions and a manual page.

`python -m release.shared share` writes the files into a directory, and a wheel puts them where shells and `man` look
for them. `make reference` does that.
"""

import sys
from pathlib import Path

from shuttle.command.completions.bash import format_bash
from shuttle.command.completions.fish import format_fish
from shuttle.command.completions.offer import Program
from shuttle.command.completions.zsh import format_zsh
from shuttle.command.manual import format_manual
from shuttle.command.options import FLAGS
from shuttle.local_drain.program import FLAGS as DRAIN_FLAGS
from shuttle.local_drain.program import NAME as DRAIN_NAME

AGENT = Program("log-shuttle", FLAGS, wraps=True)
DRAIN = Program(DRAIN_NAME, DRAIN_FLAGS)


def list_shared() -> dict[str, str]:
    """Return the text of each file below `share/` by its path there."""
    shared = {"man/man1/log-shuttle.1": format_manual()}
    for program in (AGENT, DRAIN):
        shared[f"bash-completion/completions/{program.name}"] = format_bash(program)
        shared[f"zsh/site-functions/_{program.name}"] = format_zsh(program)
        shared[f"fish/vendor_completions.d/{program.name}.fish"] = format_fish(program)
    return shared


def main(directory: Path) -> None:
    """Write the files below `directory`."""
    for name, text in list_shared().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
