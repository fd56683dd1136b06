"""The model of the spool at length: many random runs against a list.

python -m tests.faults.model --seed 1 --examples 400
"""

import argparse
import random
import sys

from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.delivery.test_spool_model import AgainstAList

STEPS = 30  # of a run


def main() -> int:
    """Make the runs. A failure is an error with the steps that led to it."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.model", description="The spool against a list.")
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    phases = [Phase.generate, Phase.shrink]
    chosen = settings(
        max_examples=options.examples, stateful_step_count=STEPS, deadline=None, phases=phases, database=None
    )
    run_state_machine_as_test(seed(options.seed)(AgainstAList), settings=chosen)
    sys.stdout.write(f"seed={options.seed} examples={options.examples}: it agrees with a list\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
