"""log-shuttle around an application: `log-shuttle [flags] -- app args`."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import COMMAND, LONGEST, clean_environ, run, start

pytestmark = pytest.mark.process

PASSED_ON = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT")
# Says which signals it gets, and ends at the first TERM with exit code 5.
LISTENER = """
import signal, sys, time
def handle(number, _):
    print("got", signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(5)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, "SIG" + name), handle)
print("ready", flush=True)
while True:
    signal.pause()
"""


def listen(*names: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", LISTENER, *names)


def shell(script: str) -> tuple[str, ...]:
    return ("--", "sh", "-c", script)


@pytest.mark.parametrize(
    ("script", "code"),
    [("echo line", 0), ("echo line; exit 7", 7), ("echo line; kill -SEGV $$", 139), ("echo line; kill $$", 143)],
)
def test_it_exits_as_the_application_does(script: str, code: int) -> None:
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, *shell(script))
    assert (ended.code, ended.out, ended.err) == (code, "", "")
    assert drain.messages == [b"line\n"]


def test_a_script_that_names_no_interpreter_is_the_shells(tmp_path: Path) -> None:
    script = tmp_path / "app"
    script.write_text("echo $1\nexit 7\n")
    script.chmod(0o700)
    for command in (str(script), script.name):
        with LocalDrain() as drain:
            path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
            ended = run("-logs-url", drain.url, "--", command, "it's me", environ=path)
        assert (ended.code, ended.err) == (7, "")
        assert drain.messages == [b"it's me\n"]


@pytest.mark.parametrize("split", [(), ("-split-stderr",)])
def test_what_an_application_wrote_is_delivered_though_the_queue_is_full(split: tuple[str, ...]) -> None:
    """It has ended long before there is room for what its pipes hold."""
    flags = ("-drop=false", "-back-buff", "1", "-num-outlets", "1", "-batch-size", "5000", *split)
    with LocalDrain(Behaviour(delay=0.1)) as drain:
        ended = run("-logs-url", drain.url, *flags, *shell("seq 1 80000; seq 80001 100000 >&2"))
        assert (ended.code, ended.err) == (0, "")
        assert sorted(map(int, drain.messages)) == list(range(1, 100_001))


def test_what_an_application_wrote_is_counted_if_there_is_no_time_for_it() -> None:
    flags = ("-drop=false", "-back-buff", "1", "-num-outlets", "1", "-land-timeout", "1s")
    with LocalDrain(Behaviour(delay=1000.0)) as drain:
        ended = run("-logs-url", drain.url, *flags, *shell("seq 1 20000; exit 7"))
    assert ended.code == 7
    assert (ended.ledger.read, ended.ledger.lost, ended.ledger.balanced) == (20_000, 20_000, True)


def test_an_application_ends_though_its_end_is_ignored_by_whoever_started_both() -> None:
    with LocalDrain() as drain:
        command = [*COMMAND, "-logs-url", drain.url, *shell("echo line; exit 7")]
        ignoring = [sys.executable, "-c", IGNORING, *command]
        ended = subprocess.run(ignoring, env=clean_environ(), timeout=LONGEST, check=False)
        assert (ended.returncode, drain.messages) == (7, [b"line\n"])


IGNORING = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""
WITH_SIGNAL = """
import os, signal, sys
number = signal.Signals[sys.argv[1]]
signal.pthread_sigmask(signal.SIG_BLOCK, [number])
os.kill(os.getpid(), number)
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("name", ["INT", "QUIT", "TERM", "HUP"])
def test_a_signal_before_the_application_is_started_ends_it(name: str) -> None:
    """As does a Ctrl-C right behind the command: the application would never get it."""
    with LocalDrain() as drain:
        command = [*COMMAND, "-logs-url", drain.url, *shell("echo started")]
        early = [sys.executable, "-c", WITH_SIGNAL, f"SIG{name}", *command]
        ended = subprocess.run(early, env=clean_environ(), timeout=LONGEST, check=False)
        assert (ended.returncode, drain.messages) == (128 + signal.Signals[f"SIG{name}"], [])


def test_a_wrapper_without_an_application_is_no_pipe() -> None:
    """As after `log-shuttle -- $APP` with the variable unset."""
    ended = run("-logs-url", "http://127.0.0.1:9/", "--", data=b"line\n")
    assert ended.code == 2
    assert ended.err.startswith("log-shuttle: -- has no application behind it: must be log-shuttle [flags] -- app args")


def test_an_interpreter_that_is_not_there_is_named_as_the_fault(tmp_path: Path) -> None:
    script = tmp_path / "app"
    script.write_text("#!/nonexistent/python\n")
    script.chmod(0o700)
    ended = run("-logs-url", "http://127.0.0.1:9/", "--", str(script))
    assert ended.code == 127
    fault = "its interpreter '/nonexistent/python' is missing, or not a program"
    assert ended.err == f"log-shuttle: '{script}' cannot be started: {fault}\n"


@pytest.mark.parametrize(("command", "code"), [("no-such-program", 127), ("/etc/passwd", 126), ("/", 126)])
def test_an_application_that_cannot_be_started_has_the_shells_exit_code(command: str, code: int) -> None:
    ended = run("-logs-url", "http://127.0.0.1:9/", "--", command)
    assert ended.code == code
    assert ended.err.startswith(f"log-shuttle: '{command}' cannot be started: ")
    assert len(ended.err.splitlines()) == 1


def test_stdout_and_stderr_keep_their_order() -> None:
    with LocalDrain() as drain:
        run("-logs-url", drain.url, *shell("for n in 1 2 3 4 5; do echo out $n; echo err $n >&2; done"))
    assert drain.messages == [line for n in range(1, 6) for line in (b"out %d\n" % n, b"err %d\n" % n)]


@pytest.mark.parametrize(("flags", "prival"), [((), b"187"), (("-stderr-prival", "11"), b"11")])
def test_split_stderr_has_a_priority_of_its_own(flags: tuple[str, ...], prival: bytes) -> None:
    with LocalDrain() as drain:
        run("-logs-url", drain.url, "-split-stderr", *flags, *shell("echo out; echo err >&2"))
    privals = {frame.rpartition(b" ")[2]: frame[1:].partition(b">")[0] for frame in drain.frames}
    assert privals == {b"out\n": b"190", b"err\n": prival}


def test_it_has_stdin_environment_and_directory(tmp_path: Path) -> None:
    with (
        LocalDrain() as drain,
        start("-logs-url", drain.url, *shell("cat; echo $GREETING; pwd"), environ={"GREETING": "hello"}) as agent,
    ):
        agent.finish(b"from stdin\n")
    assert drain.messages == [b"from stdin\n", b"hello\n", bytes(Path.cwd()) + b"\n"]


@pytest.mark.parametrize("name", PASSED_ON)
def test_signals_are_passed_on_once(name: str) -> None:
    """And the application decides what comes of them."""
    expected = [b"ready\n", f"got SIG{name}\n".encode()] + [b"got SIGTERM\n"] * (name != "TERM")
    with LocalDrain() as drain, start("-logs-url", drain.url, *listen(*PASSED_ON)) as agent:
        assert drain.wait_for(messages=1)
        agent.signal(getattr(signal, f"SIG{name}"))
        assert drain.wait_for(messages=2)
        if name != "TERM":
            agent.signal(signal.SIGTERM)
        ended = agent.finish()
    assert (ended.code, ended.err) == (5, "")
    assert drain.messages == expected


def test_a_signal_to_the_group_arrives_once() -> None:
    """Whoever signals a whole process group, such as timeout(1), reaches log-shuttle alone."""
    with LocalDrain() as drain:
        command = [*COMMAND, "-logs-url", drain.url, *listen("TERM", "HUP")]
        with subprocess.Popen(command, env=clean_environ(), start_new_session=True) as process:
            assert drain.wait_for(messages=1)
            os.killpg(process.pid, signal.SIGHUP)
            assert drain.wait_for(messages=2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONGEST) == 5
    assert drain.messages == [b"ready\n", b"got SIGHUP\n", b"got SIGTERM\n"]


def test_what_it_says_after_a_signal_arrives() -> None:
    script = (
        "trap 'for n in 1 2 3; do sleep 0.2; echo late $n; done; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    )
    with LocalDrain() as drain, start("-logs-url", drain.url, *shell(script)) as agent:
        assert drain.wait_for(messages=1)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 3
    assert drain.messages == [b"ready\n", b"late 1\n", b"late 2\n", b"late 3\n"]


def test_a_process_that_keeps_the_pipe_does_not_keep_it() -> None:
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, *shell(f"sleep {LONGEST * 10} & echo line; exit 4"))
    assert ended.code == 4
    assert drain.messages == [b"line\n"]


def test_it_lands_when_the_application_has_closed_its_pipes(tmp_path: Path) -> None:
    """And waits for the exit code."""
    script = "echo line; exec >&- 2>&-; while [ ! -e done ]; do sleep 0.05; done; exit 6"
    with LocalDrain() as drain:
        command = [*COMMAND, "-logs-url", drain.url, "-wait", f"{LONGEST * 10}s", *shell(script)]
        environ = clean_environ() | {"PYTHONPATH": str(Path.cwd())}
        with subprocess.Popen(command, env=environ, cwd=tmp_path) as process:
            assert drain.wait_for(messages=1)
            (tmp_path / "done").touch()
            assert process.wait(LONGEST) == 6


def test_losses_are_told_on_stderr_and_the_exit_code_is_the_applications() -> None:
    with LocalDrain(Behaviour(status=400)) as drain:
        ended = run("-logs-url", drain.url, *shell("echo line; exit 9"))
    assert ended.code == 9
    assert (ended.ledger.read, ended.ledger.lost) == (1, 1)


def test_the_time_to_land_counts_from_the_signal() -> None:
    """The drain hangs: nothing else ends the landing."""
    flags = ("-land-timeout", "1s", "-timeout", "0")
    with (
        LocalDrain(Behaviour(delay=LONGEST * 10)) as drain,
        start("-logs-url", drain.url, *flags, *listen("TERM")) as agent,
    ):
        assert drain.wait_for(requests=1)
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
    assert ended.code == 5
    assert (ended.ledger.read, ended.ledger.lost) == (2, 2)


def test_a_second_signal_while_landing_ends_it() -> None:
    flags = ("-land-timeout", f"{LONGEST * 10}s", "-timeout", "0")
    with (
        LocalDrain(Behaviour(delay=LONGEST * 10)) as drain,
        start("-logs-url", drain.url, *flags, *listen("TERM")) as agent,
    ):
        assert drain.wait_for(requests=1)
        agent.signal(signal.SIGTERM)
        while Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children").read_text():
            pass
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
    assert ended.code == 5
    assert len(ended.named("stop.now")) == 1


def test_files_and_an_application_exclude_each_other(tmp_path: Path) -> None:
    ended = run("-logs-url", "http://127.0.0.1:9/", "-file", str(tmp_path / "a.log"), "--", "true")
    assert ended.code == 1
    assert "-file" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_flags_without_an_application_have_no_effect() -> None:
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-split-stderr", data=b"line\n")
    assert ended.err == "log-shuttle: warning: -split-stderr has no effect without -- and an application\n"


@pytest.mark.skipif(not shutil.which("unshare") or os.geteuid() != 0, reason="root makes a PID namespace")
def test_process_1_delivers_every_line_and_reaps_orphans() -> None:
    script = """
import os, signal, sys, time
for _ in range(5):  # orphans, which process 1 gets
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.2)
        os._exit(0)
    os.wait()
def end(*_):
    zombies = sum("State:\\tZ" in open(f"/proc/{pid}/status").read() for pid in os.listdir("/proc") if pid.isdigit())
    print("zombies", zombies, flush=True)
    for number in range(1000):
        print("last", number)
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
time.sleep(1)
print("ready", flush=True)
while True:
    signal.pause()
"""
    with LocalDrain() as drain:
        wrapped = [*COMMAND, "-logs-url", drain.url, "-num-outlets", "1", "--", sys.executable, "-c", script]
        command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL", *wrapped]
        with subprocess.Popen(command, env=clean_environ()) as process:
            assert drain.wait_for(messages=1)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGTERM)
            assert process.wait(LONGEST) == 7
    assert drain.messages == [b"ready\n", b"zombies 0\n", *(b"last %d\n" % number for number in range(1000))]
