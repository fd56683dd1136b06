"""The local drain for the Procfile: `log-shuttle-drain`, which stops a little after its signal.

A drain lives elsewhere and knows nothing of the end of a dyno. A process manager that runs one beside the application
stops both at the same moment, and the last lines would have nowhere to go.
"""

import signal
import subprocess
import sys
from threading import Timer

LINGER = 3.0  # seconds; the sample application takes less to stop, and honcho kills what is left after 5


def main() -> int:
    """Run the drain with this command's own arguments and return its exit code."""
    # A session of its own: what is sent to this process group does not reach it.
    command = ["log-shuttle-drain", *sys.argv[1:]]
    drain = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - the user's own arguments
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: Timer(LINGER, drain.terminate).start())
    return drain.wait()


if __name__ == "__main__":
    sys.exit(main())
