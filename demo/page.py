"""The drain's page with something on it: `demo/app.py --metrics | log-shuttle`, until Ctrl-C.

log-shuttle's own statistics go the same way: what it writes on stdout is what a second one reads.
"""

import signal
import subprocess
import sys
import threading
from pathlib import Path

from run import Program, say

_HERE = Path(__file__).parent
_BIN = Path(sys.executable).parent


def main() -> int:
    """Run the application until Ctrl-C and return the exit code: 0 if every part ended well."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same as Ctrl-C
    drain = Program("drain", _BIN / "log-shuttle-drain", "-quiet", *sys.argv[1:], apart=True)
    url = drain.hear().rpartition(" ")[2]
    if not url.startswith("http"):  # it has said why
        return drain.finish()
    app = Program("app", sys.executable, _HERE / "app.py", "--metrics", piped=True, apart=True)
    statistics = ("-stats-interval", "5s", "-stats-format", "l2met", "-stats-source", "web.1")
    flags = ("-logs-url", url, "-appname", "shop", "-procid", "web.1", *statistics)
    shuttle = Program("shuttle", _BIN / "log-shuttle", *flags, stdin=app.stdout, piped=True, apart=True)
    flags = ("-logs-url", url, "-appname", "log-shuttle", "-procid", "web.1")
    second = Program("shuttle", _BIN / "log-shuttle", *flags, stdin=shuttle.stdout, apart=True)
    app.stdout.close()  # the pipes are theirs now
    shuttle.stdout.close()
    programs = (app, shuttle, second, drain)
    say(f"\nOpen {url} in a browser. Ctrl-C ends it.\n")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        say("")
    try:
        app.process.terminate()
        for program in (app, shuttle, second):  # each ends with its input
            program.finish()
        drain.process.terminate()
        drain.finish()
    except subprocess.TimeoutExpired as error:
        say(f"\nIt does not end: {error}")
        return 1
    finally:
        for program in programs:
            program.process.kill()
    return max(program.process.returncode for program in programs)


if __name__ == "__main__":
    sys.exit(main())
