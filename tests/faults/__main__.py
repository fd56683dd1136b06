"""`python -m tests.faults files` and `python -m tests.faults spool`: the oracles at length."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.files import run as files
from tests.faults.files.writer import COMPRESSION, KINDS
from tests.faults.spool import run as spool
from tests.faults.weather import FAULTS

if TYPE_CHECKING:
    from tests.faults.sums import Sums

EVENTS = {"files": (*KINDS, COMPRESSION, *files.ENDINGS, *FAULTS), "spool": (*spool.EVENTS, *FAULTS)}


def main() -> int:
    """Make the runs, and return 1 if the books of any are wrong."""
    options = _parse()
    problems = 0
    total: Sums | None = None
    for seed in range(options.seed, options.seed + options.runs):
        directory = Path(tempfile.mkdtemp(prefix=f"faults-{seed}-"))
        without = frozenset(options.without)
        run: files.Run | spool.Run
        if options.what == "files":
            _say(f"seed={seed} seconds={options.seconds:g}")
            run = files.Run(directory, seed, without)
            sums = run.run(options.seconds)
            told = list(run.books.describe_missing())
        else:
            _say(f"seed={seed} faults={options.faults} lines={options.lines}")
            run = spool.Run(directory, seed, without)
            sums = run.run(faults=options.faults, lines=options.lines)
            told = []
        if sums.problems:
            run.write_logs()
            _say(f"{sums}\nseed={seed} is wrong: {'; '.join(sums.problems)}; see {directory}")
            for line in told:
                _say(f"  {line[:300]}")
        else:
            shutil.rmtree(directory)
        problems += len(sums.problems)
        total = total + sums if total else sums
    _say(str(total))
    return 1 if problems else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="All that can happen, at random.")
    kinds = parser.add_subparsers(dest="what", required=True)
    for what, events in EVENTS.items():
        kind = kinds.add_parser(what)
        if what == "files":
            kind.add_argument("--seconds", type=float, default=60.0, help="of each run (default 60)")
        else:
            kind.add_argument("--faults", type=int, default=200, help="of each run, at least (default 200)")
            kind.add_argument("--lines", type=int, default=1_000_000, help="at least (default 1000000)")
        kind.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of the first (default: any)")
        kind.add_argument("--runs", type=int, default=1, help="how many, each with the next seed (default 1)")
        kind.add_argument(
            "--without", action="append", default=[], choices=events, help="what is not to happen; repeatable"
        )
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
