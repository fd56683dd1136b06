"""One run: writers, agent and drain, and the comparison of the books at the end."""

import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from subprocess import DEVNULL

from tests.faults.files.books import Books
from tests.faults.files.evidence import Evidence
from tests.faults.files.generations import Fate
from tests.faults.files.truce import Truce
from tests.faults.files.writer import COMPRESSION, KINDS, Writer
from tests.faults.sums import Sums
from tests.faults.weather import TIMEOUT, Weather
from tests.helpers.process import LONGEST, Agent

_NAMES = ("app", "web")
_IDLE = 10.0  # seconds without any line; the longest pause of an agent is half of it
_STEP = 0.05  # seconds between two looks
_MISSED = re.compile(r' at=file\.missed .*\blines=(\d+)( uncounted=true)? error="([^"]*)"')
_DOUBTFUL = "a batch that was not settled"
ENDINGS = {"kill": 6, "stop": 2, "both": 1}  # and how often
_SUMS = (
    "runs",
    "starts",
    "lines",
    *KINDS,
    COMPRESSION,
    *ENDINGS,
    "faults",
    "lost",
    "duplicates",
    "again",
    "doubled",
    "changed",
)
_SUMS += ("garbled", "torn", "missing", "missed", "uncounted", "doubtful", "reported")


class Run:
    """All that happens in `directory`, as `seed` has it, but for what is named in `without`."""

    def __init__(self, directory: Path, seed: int, without: frozenset[str] = frozenset()) -> None:
        logs = directory / "logs"
        logs.mkdir()
        self._evidence = Evidence(directory, logs, directory / "state")
        self.books = Books(self._evidence.trace)
        self._directory = directory
        self._random = Random(f"{seed} agent")
        self._endings = {ending: weight for ending, weight in ENDINGS.items() if ending not in without}
        self._truce = Truce()
        self._stop = threading.Event()
        self._weather = Weather(self.books, Random(f"{seed} weather"), self._stop, without)
        paths = [logs / f"{name}.log" for name in _NAMES]
        self._writers = [
            Writer(path, self.books, self._truce, Random(f"{seed} {path.name}"), stop=self._stop, without=without)
            for path in paths
        ]
        named = [str(logs / "*.log")] if self._random.random() < 0.5 else list(map(str, paths))
        self._flags = [
            *("-logs-url", self._weather.url, *(flag for name in named for flag in ("-file", name))),
            *("-state-dir", str(directory / "state"), "-from", "beginning", "-partial-timeout", "30s", "-verbose"),
            *("-wait", "20ms", "-batch-size", str(self._random.choice((20, 100, 500))), "-timeout", f"{TIMEOUT}s"),
            *("-num-outlets", str(self._random.randint(1, 4)), "-back-buff", str(self._random.choice((2, 8, 40)))),
            *("-land-timeout", "2s"),
        ]
        self._agent: Agent
        self._missed: list[tuple[int, str]] = []  # how many, and why
        self._uncounted = 0  # of these, those of which there were more
        self._heard = 0  # lines of the agent's log
        self._crashes: list[str] = []

    def run(self, seconds: float) -> Sums:
        """Let it happen, and compare the books."""
        with ExitStack() as stack:
            self._weather.open()
            stack.callback(self._weather.close)
            stack.callback(self._kill)
            stack.callback(self._join)
            for writer in self._writers:
                writer.write(1)
            self._start()
            self._wait(lambda: self.books.arrived.lines == len(self._writers), idle=LONGEST)
            self._weather.start()
            for writer in self._writers:
                writer.start()
            self._disturb(time.monotonic() + seconds)
            self._join()
            self.books.note("it is over")
            self._wait(self._is_complete)
            self._finish(signal.SIGTERM)
            self._start("-follow=false")
            self._finish(None)
        return self._compare()

    def write_logs(self) -> None:
        """Leave what happened beside what the agents have said and recorded, in the directory."""
        (self._directory / "events").write_text("\n".join([*self.books.events, *self.books.describe_missing()]) + "\n")

    def _kill(self) -> None:
        if self.books.agent:
            with self._agent.process:
                self._agent.process.kill()

    def _join(self) -> None:
        self._stop.set()
        for thread in (self._weather, *self._writers):
            if thread.ident is not None:
                thread.join()

    def _disturb(self, until: float) -> None:
        """End the agent at random, and start it again, until it is time, or something is wrong for sure."""
        while (now := time.monotonic()) < until and self._endings and not self.books.is_wrong:
            time.sleep(min(until - now, self._random.choice((0.2, 0.7, 1.5, 3.0)) * self._random.random() * 2))
            if not self._truce.end(self._runs, self._is_told):
                self._crashes.append("what must happen before the agent may end does not happen")
                return
            self._end()
            time.sleep(self._random.choice((0.0, 0.2, 1.0)) * self._random.random() * 2)
            self._start()
        while time.monotonic() < until and not self.books.is_wrong:
            time.sleep(_STEP)

    def _start(self, *flags: str) -> None:
        def start() -> int:
            self._agent = Agent(*self._flags, *flags, stdin=DEVNULL)
            return self._agent.process.pid

        self.books.agent += 1
        self._truce.begin(start)
        self._heard = 0
        self.books.note(f"agent {self.books.agent} starts", "starts")

    def _end(self) -> None:
        ending = self._random.choices(list(self._endings), list(self._endings.values()))[0]
        self.books.note(ending, ending)
        if ending == "both":
            self._agent.signal(signal.SIGTERM)
            time.sleep(self._random.random() * 0.2)
        self._finish(signal.SIGTERM if ending == "stop" else signal.SIGKILL)

    def _finish(self, number: signal.Signals | None) -> None:
        """End the agent by this signal, or wait for its end, and see that it ended as it should."""
        agent = self.books.agent
        if number:
            self._agent.signal(number)
        with self._agent.process:  # which closes the pipes
            ended = self._agent.finish()
        self._listen()
        # Told to stop before it was killed, it may be quicker; before it handles signals, it is ended by them.
        accepted = {0, 3, -number, -signal.SIGTERM} if number else {0, 3}
        if ended.code not in accepted or "Traceback" in ended.err:
            self._crashes.append(f"agent {agent} ended with {ended.code}")
        elif ended.code >= 0 and not ended.ledger.balanced:
            self._crashes.append(f"the ledger of agent {agent} is not balanced")
        if ended.code < 0:
            self.books.killed.add(agent)
        self.books.note(f"agent {agent} has ended with {ended.code}")
        self._evidence.keep(agent, self._agent.err)

    def _listen(self) -> None:
        """Hear what the agent says of lines that it has missed."""
        said = self._agent.err[self._heard :]
        self._heard += len(said)
        found = [match for match in map(_MISSED.search, said) if match]
        self._missed += [(int(match[1]) + bool(match[2]), match[3]) for match in found]
        self._uncounted += sum(bool(match[2]) for match in found)

    def _runs(self) -> bool:
        return self._agent.process.poll() is None

    def _is_told(self) -> bool:
        self._listen()
        return self.books.told["L13"] == sum(lines for lines, _ in self._missed)

    def _is_complete(self) -> bool:
        return not self.books.count_missing(Fate.KEPT, Fate.DELETED) and self._is_told()

    def _wait(self, is_over: Callable[[], bool], *, idle: float = _IDLE) -> None:
        """Wait until `is_over`, or nothing has come for a while."""
        begun = time.monotonic()
        while not is_over() and time.monotonic() < max(begun, self.books.changed_at) + idle:
            assert time.monotonic() < begun + LONGEST * 10
            time.sleep(_STEP)

    def _compare(self) -> Sums:
        books = self.books
        counts = Counter(books.counts)
        counts["runs"] = 1
        counts["lines"] = sum(generation.lines for generation in books.generations)
        counts["lost"] = books.count_missing(Fate.KEPT, Fate.DELETED)
        counts["missing"] = books.count_missing(Fate.TRUNCATED)
        counts["doubtful"] = sum(lines for lines, reason in self._missed if reason.startswith(_DOUBTFUL))
        counts["missed"] = sum(lines for lines, _ in self._missed) - counts["doubtful"]
        counts["uncounted"] = self._uncounted
        counts["reported"] = books.told["L13"]
        for name in ("duplicates", "again", "doubled", "changed", "garbled", "torn"):
            counts[name] = getattr(books, name)
        return Sums(_SUMS, counts, (*self._crashes, *_find_problems(counts)))


def _find_problems(counts: Counter[str]) -> Iterator[str]:
    for name in ("lost", "doubled", "changed", "garbled"):
        if counts[name]:
            yield f"{name} is not 0"
    if counts["torn"] > counts["truncate"] + counts["gone"]:
        yield "more lines are torn than files were truncated"
    missing = counts["missing"] - counts["torn"]
    counted = counts["missed"] - counts["uncounted"]  # a stretch may be of a file that was cut while no agent ran
    if missing < counted or (missing > counts["missed"] + counts["doubtful"] and not counts["uncounted"]):
        yield "missing is not what was missed, and may be what is doubtful"
    if counts["reported"] != counts["missed"] + counts["doubtful"]:
        yield "what was reported is not what was missed or is doubtful"
