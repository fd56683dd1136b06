"""The entry point of the command: `log-shuttle`, or `python -m shuttle`."""

import gc
import sys

from shuttle.system import UNSUPPORTED, is_supported


def main() -> int:
    """Run the command and return its exit code.

    Signals wait from the first moment on until the agent can land on them: who is stopped while still starting has a
    pipe behind it that may hold lines already.
    """
    if not is_supported("log-shuttle"):
        return UNSUPPORTED
    from shuttle.command import signals  # noqa: PLC0415  # Windows lacks most of them

    signals.hold()
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # its own command; click comes with it if it is there
    gc.disable()  # until the agent runs: what imports make stays, and looking through it takes a tenth of the start
    from shuttle.command import cli  # noqa: PLC0415  # its imports take most of the start

    code = cli.main()
    signals.ignore()
    gc.freeze()  # the interpreter looks through all once more as it ends, which takes as long again
    return code


if __name__ == "__main__":
    sys.exit(main())
