"""One run of one program in one scenario."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from array import array
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from bench.corpus import Corpora, Corpus
from bench.metrics import Figures
from bench.program import IMPORTS, ROOT, Program
from bench.scenarios import Kind, Scenario
from bench.stage import GUARD, Agent, Drain, Feed, RunError, Usage
from bench.tally import Tally, check, verify
from bench.wakefulness import list_family, read_peak_rss, read_wakefulness

SLOWEST = 20_000  # lines a second; a program that is slower is stopped
VERIFIED = 50_000_000  # bytes that a verification sends at most


@dataclass(frozen=True, slots=True)
class Place:
    """What the runs share."""

    directory: Path
    corpora: Corpora
    certificate: Path

    @property
    def kept(self) -> Path:
        return self.directory / "kept"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def errors(self) -> Path:
        return self.directory / "stderr"


def measure(program: Program, scenario: Scenario, place: Place) -> Figures:
    """Return the figures of one run.

    Raises:
        MismatchError: What arrived is not what was sent.
        RunError: The run did not go as it should.
    """
    return _KINDS[scenario.kind](program, scenario, place)


def verify_arrival(program: Program, scenario: Scenario, place: Place) -> None:
    """Compare every line that arrives, byte by byte, in an untimed run of fewer lines.

    Raises:
        MismatchError: What arrived is not what was sent.
        RunError: The run did not go as it should.
    """
    if scenario.kind not in ("flood", "file"):
        return
    lines = min(scenario.lines, VERIFIED // scenario.line_bytes)
    corpus = place.corpora.get(scenario.text, scenario.line_bytes, lines)
    _run(program, scenario, place, corpus, _cat(corpus) if scenario.kind == "flood" else ["true"], keep=True)
    verify(corpus, place.kept)


def _cat(corpus: Corpus) -> list[str]:
    return ["cat", *[str(corpus.path)] * corpus.repeats]


@dataclass(frozen=True, slots=True)
class _Outcome:
    tally: Tally
    usage: Usage
    seconds: float
    """From the start of the agent until the last line was at the drain."""
    lost: float
    """Percent of the lines."""
    start_cpu: float
    """Seconds of CPU that it had used when the first line was at the drain, if the scenario is a paced one."""


def _run(
    program: Program, scenario: Scenario, place: Place, corpus: Corpus, feed: list[str], *, keep: bool = False
) -> _Outcome:
    """Feed the agent until it ends by itself."""
    start_cpu = 0.0
    place.kept.unlink(missing_ok=True)
    with ExitStack() as stack:
        drain = stack.enter_context(_start_drain(scenario, place, keep=place.kept if keep else None))
        source = stack.enter_context(Feed(feed))
        shutil.rmtree(place.state, ignore_errors=True)
        flags = [flag.format(state=place.state, file=corpus.path) for flag in scenario.flags]
        agent = stack.enter_context(Agent(program, ["-logs-url", drain.url, *flags], source.output, place.errors))
        source.output.close()
        if scenario.kind == "paced":
            drain.read(lines=1)
            start_cpu = read_wakefulness(agent.pid).cpu_ns / 1e9
            source.go()
        usage = agent.wait(GUARD + corpus.lines / SLOWEST)
        tally = drain.read()
    check(tally, lines=corpus.lines, number_sum=corpus.number_sum)
    if not tally.lines:
        raise RunError(f"no line arrived, exit code {usage.code}")
    seconds = (tally.last_ns - agent.started_ns) / 1e9
    return _Outcome(tally, usage, seconds, 100 * (1 - tally.lines / corpus.lines), start_cpu)


def _start_drain(scenario: Scenario, place: Place, *, keep: Path | None = None, hang: bool = False) -> Drain:
    certificate = place.certificate if scenario.tls else None
    return Drain(line_bytes=scenario.line_bytes, certificate=certificate, keep=keep, hang=hang)


def _run_flood(program: Program, scenario: Scenario, place: Place) -> Figures:
    corpus = place.corpora.get(scenario.text, scenario.line_bytes, scenario.lines)
    return _read_figures(_run(program, scenario, place, corpus, _cat(corpus)))


def _run_file(program: Program, scenario: Scenario, place: Place) -> Figures:
    corpus = place.corpora.get(scenario.text, scenario.line_bytes, scenario.lines)
    return _read_figures(_run(program, scenario, place, corpus, ["true"]))


def _read_figures(outcome: _Outcome) -> Figures:
    """Return the figures; per line means per line that arrived, so that dropping does not make a program fast."""
    tally, usage = outcome.tally, outcome.usage
    return {
        "rate": tally.lines / outcome.seconds,
        "cpu": (usage.cpu - outcome.start_cpu) / tally.lines * 1e6,
        "rss": usage.rss / 1e6,
        "lost": outcome.lost,
        "wire": tally.wire_bytes / tally.lines,
        "seconds": outcome.seconds,
        "requests": tally.requests,
        "drain_cpu": tally.cpu / tally.lines * 1e6,
        "exit_code": usage.code,
    }


def _run_paced(program: Program, scenario: Scenario, place: Place) -> Figures:
    corpus = place.corpora.get(scenario.text, scenario.line_bytes, scenario.lines)
    times = place.directory / "times"
    writer = str(ROOT / "bench" / "writer.py")
    feed = [sys.executable, "-I", "-S", writer, str(corpus.path), str(scenario.rate), str(times)]
    outcome = _run(program, scenario, place, corpus, feed, keep=True)
    used = outcome.usage.cpu - outcome.start_cpu
    return {**_read_figures(outcome), **_read_latencies(corpus, place, used)}


def _read_latencies(corpus: Corpus, place: Place, used: float) -> Figures:
    """Return how long lines took from when they were written until they were at the drain.

    Beside that, how many of the `used` seconds of CPU a minute took.
    """
    written = array("q", (place.directory / "times").read_bytes())
    arrived = verify(corpus, place.kept)
    latencies = [(when - written[number]) / 1e6 for number, when in arrived.items() if number]  # 0: the agent's start
    if len(latencies) < 2:
        raise RunError("no line but the first arrived")
    cuts = quantiles(latencies, n=100, method="inclusive")
    minutes = (written[-1] - written[1]) / 60e9  # the first came with the agent's start
    return {"p50": cuts[49], "p99": cuts[98], "cpu_minute": used / minutes}


def _run_follow(program: Program, scenario: Scenario, place: Place) -> Figures:
    """Have the agent follow a file that grows, from when its first line has arrived until all have."""
    corpus = place.corpora.get(scenario.text, scenario.line_bytes, scenario.lines)
    times, grown = place.directory / "times", place.directory / "grown"
    for path in (place.kept, grown):
        path.unlink(missing_ok=True)
    grown.touch()
    writer = [sys.executable, "-I", "-S", str(ROOT / "bench" / "writer.py"), str(corpus.path), str(scenario.rate)]
    with ExitStack() as stack:
        drain = stack.enter_context(_start_drain(scenario, place, keep=place.kept))
        flags = ["-logs-url", drain.url, *(flag.format(grown=grown) for flag in scenario.flags)]
        agent = stack.enter_context(Agent(program, flags, subprocess.DEVNULL, place.errors))
        command = f"exec {shlex.join([*writer, str(times)])} >> {shlex.quote(str(grown))}"
        feed = stack.enter_context(Feed(["/bin/sh", "-c", command]))
        drain.read(lines=1)
        family = list_family(agent.pid)
        before = sum(read_wakefulness(pid).cpu_ns for pid in family)
        feed.go()
        tally = drain.read(lines=corpus.lines)
        spent = sum(read_wakefulness(pid).cpu_ns for pid in family) - before
        rss = sum(map(read_peak_rss, family))
        agent.kill()
        agent.wait(GUARD)
        for pid in family[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    check(tally, lines=corpus.lines, number_sum=corpus.number_sum)
    return {
        "cpu": spent / 1e3 / tally.lines,
        "rss": rss / 1e6,
        "lost": 0.0,
        **_read_latencies(corpus, place, spent / 1e9),
    }


def _run_hang(program: Program, scenario: Scenario, place: Place) -> Figures:
    """Feed the agent all lines while nothing is answered; it must have dropped what it does not hold."""
    corpus = place.corpora.get(scenario.text, scenario.line_bytes, scenario.lines)
    with ExitStack() as stack:
        drain = stack.enter_context(_start_drain(scenario, place, hang=True))
        source = stack.enter_context(Feed(_cat(corpus)))
        flags = ["-logs-url", drain.url, *scenario.flags]
        agent = stack.enter_context(Agent(program, flags, source.output, place.errors))
        source.output.close()
        source.wait(GUARD + corpus.lines / SLOWEST)
        agent.kill()
        return {"rss": agent.wait(GUARD).rss / 1e6}


def _run_idle(program: Program, scenario: Scenario, place: Place) -> Figures:
    """Give the agent one line, and watch it idle after the line has arrived."""
    corpus = place.corpora.get(scenario.text, scenario.line_bytes, 1)
    with ExitStack() as stack:
        drain = stack.enter_context(_start_drain(scenario, place))
        flags = ["-logs-url", drain.url, *scenario.flags]
        agent = stack.enter_context(Agent(program, flags, subprocess.PIPE, place.errors))
        agent.write(corpus.path.read_bytes())
        drain.read(lines=1)
        before = read_wakefulness(agent.pid)
        if not agent.is_running_after(scenario.seconds):
            raise RunError("it ended while its input was open")
        after = read_wakefulness(agent.pid)
        agent.kill()
        usage = agent.wait(GUARD)
    return {
        "idle_cpu": (after.cpu_ns - before.cpu_ns) / 1e6,
        "wakeups": after.switches - before.switches,
        "rss": usage.rss / 1e6,
    }


def _run_start(program: Program, scenario: Scenario, place: Place) -> Figures:
    if program is IMPORTS:
        with Agent(program, [], subprocess.DEVNULL, place.errors) as agent:
            usage = agent.wait(GUARD)
        return {"first": (usage.ended_ns - agent.started_ns) / 1e6, "cpu_start": usage.cpu * 1e3}
    corpus = place.corpora.get(scenario.text, scenario.line_bytes, 1)
    outcome = _run(program, scenario, place, corpus, _cat(corpus))
    return {"first": outcome.seconds * 1e3, "cpu_start": outcome.usage.cpu * 1e3}


_KINDS: dict[Kind, Callable[[Program, Scenario, Place], Figures]] = {
    "flood": _run_flood,
    "file": _run_file,
    "paced": _run_paced,
    "follow": _run_follow,
    "hang": _run_hang,
    "idle": _run_idle,
    "start": _run_start,
}
