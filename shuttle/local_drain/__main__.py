"""Where the command `log-shuttle-drain` begins, or `python -m shuttle.local_drain`."""

import sys

from shuttle.system import UNSUPPORTED, is_supported


def main() -> int:
    """Run the command with the process's arguments and return its exit code."""
    if not is_supported("log-shuttle-drain"):
        return UNSUPPORTED
    from shuttle.local_drain.program import main as run  # noqa: PLC0415  # Windows cannot import it

    return run()


if __name__ == "__main__":
    sys.exit(main())
