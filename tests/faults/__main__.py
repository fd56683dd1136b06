"""`python -m tests.faults`: the oracle at length."""

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.run import ENDINGS, Run, Sums
from tests.faults.weather import FAULTS
from tests.faults.writer import COMPRESSION, KINDS

EVENTS = (*KINDS, COMPRESSION, *ENDINGS, *FAULTS)


def main() -> int:
    """Make the runs, and return 1 if the books of any are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Follow files through all that happens."
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run (default 60)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of the first (default: any)")
    parser.add_argument("--runs", type=int, default=1, help="how many, each with the next seed (default 1)")
    parser.add_argument(
        "--without", action="append", default=[], choices=EVENTS, help="what is not to happen; repeatable"
    )
    options = parser.parse_args()
    total = Sums(Counter(), ())
    for seed in range(options.seed, options.seed + options.runs):
        _say(f"seed={seed} seconds={options.seconds:g}")
        total += _run(seed, options.seconds, frozenset(options.without))
    _say(str(total))
    return 1 if total.problems else 0


def _run(seed: int, seconds: float, without: frozenset[str]) -> Sums:
    directory = Path(tempfile.mkdtemp(prefix=f"faults-{seed}-"))
    run = Run(directory, seed, without)
    sums = run.run(seconds)
    if sums.problems:
        run.write_logs()
        _say(f"{sums}\nseed={seed} is wrong: {'; '.join(sums.problems)}; see {directory}")
        for line in run.books.describe_missing():
            _say(f"  {line[:300]}")
    return sums


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
