"""Which systems the commands run on, and as what. It imports nothing that another system lacks."""

import os
import sys

UNSUPPORTED = 1
"""The exit code where a command does not run."""


def is_supported(command: str) -> bool:
    """Return whether the commands run on this system; if not, say so on stderr in one line."""
    if sys.platform == "win32":
        sys.stderr.write(f"{command}: is not supported on Windows: use Linux or macOS, WSL or a container\n")
        return False
    return True


def is_single_file() -> bool:
    """Return whether this runs out of the single file, beside which no package can be installed."""
    return not os.path.exists(__file__)  # noqa: PTH110  # as the launcher does, this imports little
