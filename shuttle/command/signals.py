"""The signals of the command: which end it, which asks for its status, and which are ignored.

Go's runtime ignores most signals that would end another program, so a program around Go's log-shuttle may send them.
Signals that the parent process set to be ignored, as nohup does, stay ignored.

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
    """Block the signals that the agent acts on, and ignore those that it ignores.

    All get a handler that does nothing. It is not passed on to programs that are started, as an ignored signal is.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    real_time = range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else ()
    named = (getattr(signal, name) for name in _IGNORED if hasattr(signal, name))
    for number in (*HELD, *named, *real_time):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, do_nothing)


def ignore() -> None:
    """Ignore every signal that could end the process: the exit code is known and must not change.

    The interpreter takes its handlers away before the process is gone.
    """
    for number in signal.valid_signals():
        if signal.getsignal(number) is do_nothing:
            signal.signal(number, signal.SIG_IGN)


def hold_all() -> None:
    """Also block the signals that are passed to an application, and the one for its end.

    Whoever started the command may ignore that one: then the system would not tell how the application has ended.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, signal.SIGCHLD})


def find_held() -> set[signal.Signals]:
    """Return the held signals that have arrived."""
    return {signal.Signals(number) for number in signal.sigpending()} & {*PASSED_ON}


def release() -> None:
    """Unblock the held signals."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def restore() -> None:
    """Give the held signals their default action: a process that only looks may end at once."""
    for number in HELD:
        if signal.getsignal(number) is do_nothing:
            signal.signal(number, signal.SIG_DFL)
    release()


def list_heeded() -> list[signal.Signals]:
    """Return the signals that the agent acts on, except those that its parent process set to be ignored."""
    return [number for number in HELD if signal.getsignal(number) is not signal.SIG_IGN]


def do_nothing(*_: object) -> None:
    """Ignore a signal."""
