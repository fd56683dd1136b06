"""The signals of the command: which of them end it, which one asks a question, and which ones are ignored.

Go's runtime takes no notice of most signals that would end another program, so whoever wraps Go's log-shuttle may send
them. Those that whoever started the command has it ignore, as nohup does, stay ignored.

This module is imported before any other, so it imports next to nothing.
"""

import signal

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
ASKING = signal.SIGUSR1
HELD = (*ENDING, ASKING)
"""What waits until the agent can act on it."""
PASSED_ON = tuple(
    getattr(signal, f"SIG{name}") for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT")
)
"""What an application gets that the agent has started."""
_IGNORED = ("SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGXCPU", "SIGIO", "SIGPWR", "SIGSTKFLT")  # not all anywhere


def hold() -> None:
    """Have the signals that the agent acts on wait, and take no notice of those that it ignores.

    All get a handler that does nothing. It is not passed on to programs that are started, as an ignored signal is.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    real_time = range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else ()
    named = (getattr(signal, name) for name in _IGNORED if hasattr(signal, name))
    for number in (*HELD, *named, *real_time):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, do_nothing)


def ignore() -> None:
    """Ignore from now on what could end the process: the exit code is known, and nothing may replace it.

    The interpreter takes its handlers away before the process is gone.
    """
    for number in signal.valid_signals():
        if signal.getsignal(number) is do_nothing:
            signal.signal(number, signal.SIG_IGN)


def hold_all() -> None:
    """Have what is passed on to an application wait, too, and the signal that it has ended.

    Whoever started the command may ignore that one: then the system would not tell how the application has ended.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, signal.SIGCHLD})


def find_held() -> set[signal.Signals]:
    """Return those of the signals held that have come."""
    return {signal.Signals(number) for number in signal.sigpending()} & {*PASSED_ON}


def release() -> None:
    """Let the signals come that were held."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def restore() -> None:
    """Give the signals that were held their default action: whoever only looks loses nothing when one ends it."""
    for number in HELD:
        if signal.getsignal(number) is do_nothing:
            signal.signal(number, signal.SIG_DFL)
    release()


def list_heeded() -> list[signal.Signals]:
    """Return the signals that the agent acts on, but for those that whoever started it has it ignore."""
    return [number for number in HELD if signal.getsignal(number) is not signal.SIG_IGN]


def do_nothing(*_: object) -> None:
    """Handle a signal of which no notice is taken."""
