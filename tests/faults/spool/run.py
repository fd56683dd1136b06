"""One run: source, agents, disk and drain, and the comparison of the books at the end."""

import os
import resource
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from subprocess import DEVNULL

from shuttle.store.backlog import NAME
from tests.faults.spool.books import LENGTH, Books, is_sound, read_spooled
from tests.faults.spool.source import Source
from tests.faults.sums import Sums
from tests.faults.weather import FAULTS, TIMEOUT, Weather
from tests.helpers.process import LONGEST, Agent, Ended

WAIT = 0.05  # seconds, the agent's -wait
SLACK = 0.5  # seconds more, on a machine that has much else to do, until what is read is in the spool
NOTICED = 5.0  # seconds until an agent has noticed that its spool was cut, and gone through it, if it does
EVENTS = {"kill": 6, "stop": 3, "full": 2, "damage": 2, "delete": 2, "cut": 2}  # and how often
_UNLIMITED = resource.RLIM_INFINITY
_SUMS = ("runs", "starts", "lines", *EVENTS, "weather", "faults", "lost", "duplicates", "again", "doubled", "changed")
_SUMS += ("torn", "divided", "crashed", "corrupted", "given_up", "reported", "spooled_most")


class Run:
    """All that happens in `directory`, as `seed` has it, but for what is named in `without`."""

    def __init__(self, directory: Path, seed: int, without: frozenset[str] = frozenset()) -> None:
        self.books = Books()
        self._directory = directory
        self._random = Random(f"{seed} agent")
        self._events = {event: weight for event, weight in EVENTS.items() if event not in without}
        self._over = threading.Event()
        self._weather = Weather(self.books, Random(f"{seed} weather"), self._over, without & FAULTS.keys())
        self._source = Source(Random(f"{seed} source"))
        self._spool = directory / "spool"
        self._flags = [
            *("-logs-url", self._weather.url, "-spool", str(self._spool), "-drop=false", "-verbose"),
            *("-wait", f"{WAIT * 1000:g}ms", "-batch-size", str(self._random.choice((20, 100, 500)))),
            *("-timeout", f"{TIMEOUT}s", "-num-outlets", str(self._random.randint(1, 4)), "-land-timeout", "1s"),
        ]
        self._agent: Agent
        self._agents: list[Agent] = []
        self._problems: list[str] = []
        self._most = 0
        self._latent: int | None = None  # bytes read when the spool was damaged, until an agent has noticed

    def run(self, *, faults: int, lines: int) -> Sums:
        """Let so many faults happen at least while so many lines are written at least, and compare the books."""
        with ExitStack() as stack:
            stack.callback(self._source.close)
            self._weather.open()
            stack.callback(self._weather.close)
            stack.callback(self._kill_rest)
            stack.callback(self._join)
            stack.callback(self._source.abandon)
            self._start()
            self._weather.start()
            self._source.start()
            while self._count_faults() < faults or self._source.lines < lines:
                time.sleep(self._random.choice((0.1, 0.4, 1.0)) * self._random.random() * 2)
                getattr(self, f"_{self._random.choices(list(self._events), list(self._events.values()))[0]}")()
            self._join()
            self._end_well()
        return self._compare()

    def write_logs(self) -> None:
        """Leave what happened, and what the agents said, in the directory."""
        (self._directory / "events").write_text("\n".join(self.books.events) + "\n")
        for number, agent in enumerate(self._agents, 1):
            (self._directory / f"agent-{number}").write_text("".join(agent.err))

    def _count_faults(self) -> int:
        return sum(self.books.counts[name] for name in (*EVENTS, "faults"))

    def _join(self) -> None:
        if not self._over.is_set():
            self._over.set()
            if self._weather.ident:
                self._weather.join()
            self._source.finish()

    def _kill_rest(self) -> None:
        for agent in self._agents:
            with agent.process:
                agent.process.kill()

    def _start(self, stdin: int | None = None) -> None:
        self._agent = Agent(*self._flags, stdin=self._source.reader if stdin is None else stdin)
        self._agents.append(self._agent)
        self.books.note(f"agent {len(self._agents)} starts", "starts")

    def _kill(self) -> None:
        self._kill_agent()
        self._start()

    def _kill_agent(self) -> None:
        self._agent.signal(signal.SIGKILL)
        self._finish()
        since = time.monotonic() - self._find_salvage_time(WAIT + SLACK) - WAIT - SLACK
        first, last = self._source.read_until(since) // LENGTH, -(-self._source.look() // LENGTH)
        self.books.excuse("crashed", set(range(first, last)))
        self.books.note(f"killed; lines {first} to {last} need not arrive", "kill")

    def _find_salvage_time(self, after: float = 0.0) -> float:
        """Return how many seconds ago the agent has begun to go through a spool that is lost, and to write to no other.

        0 if it has come to an end more than some seconds ago.
        """
        events = (" at=spool.broken ", " at=spool.gone ", " at=spool.salvaged ")
        begun = 0.0
        for line in [line for line in self._agent.err if any(event in line for event in events)]:
            said = datetime.fromisoformat(line.split()[0].removeprefix("ts="))
            ago = (datetime.now(UTC) - said).total_seconds()
            if " at=spool.salvaged " not in line:
                begun = ago
            elif ago >= after:
                begun = 0.0
        return begun

    def _stop_agent(self) -> None:
        self._agent.signal(signal.SIGTERM)
        ended = self._finish()
        self.books.note(f"stopped with {ended.code}", "stop")
        if (read := self._source.look()) % LENGTH:
            self.books.excuse("divided", {read // LENGTH})
        if ended.code != -signal.SIGTERM:
            self._check(ended)

    def _stop(self) -> None:
        self._stop_agent()
        self._start()

    def _delete(self) -> None:
        """Delete the spool under the agent, which begins a new one with all that was in it."""
        if not self._wait(self._has_opened_its_spool):
            self._problems.append(f"agent {len(self._agents)} does not open its spool")
            return
        before = self._count_said("spool.gone")
        if (self._spool / f"{NAME}.salvaging").exists():  # some of it is in a file that nobody has open
            self.books.excuse("corrupted", self._read_spooled())
        with tempfile.TemporaryDirectory(dir=self._directory) as name:
            self._spool.rename(Path(name, "spool"))
        self.books.note("the spool is deleted", "delete")
        if not self._wait(lambda: self._count_said("spool.gone") > before and not self._find_salvage_time()):
            self._problems.append(f"agent {len(self._agents)} does not notice that its spool is deleted")
        self._excuse_latent()

    def _cut(self) -> None:
        """Cut the spool or its log under the agent, while that stands still."""
        if not self._wait(self._has_opened_its_spool):
            self._problems.append(f"agent {len(self._agents)} does not open its spool")
            return
        before = self._count_said("spool.broken")
        self._stand_still()
        paths = [path for path in self._list_files() if path.stat().st_size]
        self.books.excuse("corrupted", self._read_spooled())
        if paths:
            path = self._random.choice(paths)
            size = path.stat().st_size
            os.truncate(path, size * self._random.choice((0, 0, 1, 2)) // 3)
            read = self._source.read_until(time.monotonic() - WAIT - SLACK)  # the rest may not be in the spool yet
            self._latent = read if self._latent is None else self._latent
            self.books.note(f"{path.name} of {size} bytes is cut to {path.stat().st_size}", "cut")
        self._agent.signal(signal.SIGCONT)
        if self._wait(lambda: self._count_said("spool.broken") > before and not self._find_salvage_time(), NOTICED):
            self._excuse_latent()
        else:  # what a transaction has made whole again costs nothing, or is noticed when it is read
            self.books.note("nobody has noticed")
        time.sleep(WAIT + SLACK)  # so that what was read before it stood still is in the spool

    def _stand_still(self) -> None:
        """Stop the agent, and wait until it has stopped."""
        self._agent.signal(signal.SIGSTOP)
        status = Path(f"/proc/{self._agent.process.pid}/status")
        if not self._wait(lambda: "\nState:\tT" in status.read_text("ascii")):
            self._problems.append(f"agent {len(self._agents)} cannot be stopped")

    def _list_files(self) -> list[Path]:
        return [path for side in ("", "-wal") if (path := self._spool / f"{NAME}.sqlite{side}").exists()]

    def _has_opened_its_spool(self) -> bool:
        descriptors = Path(f"/proc/{self._agent.process.pid}/fd")
        with suppress(FileNotFoundError):  # one that was closed meanwhile
            return any(link.readlink() == self._spool / f"{NAME}.sqlite-wal" for link in descriptors.iterdir())
        return False

    def _count_said(self, event: str) -> int:
        return sum(f" at={event} " in line for line in self._agent.err)

    @staticmethod
    def _wait(condition: Callable[[], bool], most: float = LONGEST) -> bool:
        until = time.monotonic() + most
        while not (met := condition()) and time.monotonic() < until:
            time.sleep(0.02)
        return met

    def _full(self) -> None:
        """The disk takes nothing for a while: no file may grow."""
        self.books.note("the disk is full", "full")
        resource.prlimit(self._agent.process.pid, resource.RLIMIT_FSIZE, (4096, _UNLIMITED))
        time.sleep(self._random.uniform(0.2, 1.5))
        resource.prlimit(self._agent.process.pid, resource.RLIMIT_FSIZE, (_UNLIMITED, _UNLIMITED))
        if not self._wait(lambda: self._count_said("spool.restored") >= self._count_said("spool.failed")):
            self._problems.append(f"agent {len(self._agents)} does not come back to the disk")
            return
        self.books.note("the disk takes more")

    def _damage(self) -> None:
        """Kill the agent and damage its spool."""
        self._kill_agent()
        paths = self._list_files()
        self.books.excuse("corrupted", self._read_spooled())
        if not paths:  # killed while it took over what could be read of the last damaged one
            self._start()
            return
        path = self._random.choice(paths)
        size = path.stat().st_size
        if self._random.random() < 1 / 4:
            os.truncate(path, size * self._random.choice((0, 1, 2)) // 3)
        else:
            self._write_over(path, size)
        if self._latent is None and not self._is_sound():
            self._latent = self._source.look()
        self.books.note(f"{path.name} of {size} bytes is damaged", "damage")
        self._start()

    def _write_over(self, path: Path, size: int) -> None:
        with path.open("r+b") as file:
            for _ in range(self._random.randint(1, 3)):
                file.seek(self._random.randrange(max(1, size)))
                length = min(self._random.choice((1, 64, 16384)), max(1, size - file.tell()))
                file.write(self._random.choice((bytes(length), self._random.randbytes(length))))

    def _read_spooled(self) -> set[int]:
        """Return the lines that stand in the spool, and in the last damaged one, if that was not gone through yet."""
        numbers: set[int] = set()
        with tempfile.TemporaryDirectory() as name:
            for path in self._spool.glob("*"):  # nothing before the first agent has made it
                shutil.copy(path, name)
            for database in Path(name).glob("*.sqlite*"):
                if not database.name.endswith(("-wal", "-shm")):
                    numbers |= read_spooled(database)
        return numbers

    def _is_sound(self) -> bool:
        with tempfile.TemporaryDirectory() as name:
            for path in self._spool.glob(f"{NAME}.sqlite*"):
                shutil.copy(path, name)
            return is_sound(Path(name) / f"{NAME}.sqlite")

    def _finish(self) -> Ended:
        self._measure()
        with self._agent.process:  # which closes the pipes
            ended = self._agent.finish()
        if ended.named("spool.broken"):
            self._excuse_latent()
        return ended

    def _excuse_latent(self) -> None:
        """Excuse what was written to a damaged spool before an agent came upon the damage, or got rid of the file."""
        if self._latent is not None:
            first, last = self._latent // LENGTH, self._source.look() // LENGTH
            self.books.excuse("corrupted", set(range(first, last + 1)))
            self._latent = None

    def _check(self, ended: Ended) -> None:
        """See that an agent has ended as it should: only a damaged spool may have cost lines."""
        if "Traceback" in ended.err:
            self._problems.append(f"agent {len(self._agents)} has failed")
            return
        ledger = ended.ledger
        harmed = self.books.counts["damage"] or self.books.counts["cut"]
        may_lose = harmed and any(map(ended.named, ("spool.broken", "spool.gone", "spool.salvaged")))
        code = 3 if ledger.lost and may_lose else 4 if ledger.spooled else 0
        if ended.code != code or not ledger.balanced or ledger.spooled != ledger.held or ledger.dropped:
            self._problems.append(f"agent {len(self._agents)} ended with {ended.code} and {ledger}")
        self.books.counts["given_up"] += ledger.lost

    def _measure(self) -> None:
        path = self._spool / f"{NAME}.sqlite"
        self._most = max(self._most, path.stat().st_size if path.exists() else 0)

    def _end_well(self) -> None:
        """Let the agent deliver all there is, or the next ones if the spool is damaged; the last one finds nothing."""
        for _ in range(20):
            ended = self._finish()
            self._check(ended)
            self._start(DEVNULL)
            if " spooled=0" in ended.err:
                break
        ended = self._finish()
        self._check(ended)
        if " at=ledger read=0 " not in ended.err:
            self._problems.append("something was left")

    def _compare(self) -> Sums:
        books = self.books
        counts = Counter(books.counts)
        counts["weather"] = counts.pop("faults", 0)
        counts["faults"] = counts["weather"] + sum(counts[name] for name in EVENTS)
        missing = books.find_missing(self._source.lines)
        counts |= Counter(runs=1, lines=self._source.lines, spooled_most=self._most)
        for kind, numbers in books.excused.items():
            counts[kind] = len(missing & numbers)
            missing -= numbers
        counts["lost"] = len(missing)
        counts["at_stake"] = len(books.excused["corrupted"])
        if missing:
            books.note(f"lost: {sorted(missing)[:20]}...")
        return Sums(_SUMS, counts, (*self._problems, *_find_problems(counts)))


def _find_problems(counts: Counter[str]) -> Iterator[str]:
    for name in ("lost", "doubled", "changed"):
        if counts[name]:
            yield f"{name} is not 0"
    if counts["given_up"] > counts["at_stake"]:
        yield "more lines were given up than were corrupted"
    if counts["reported"] > counts["at_stake"]:
        yield "more lines were reported than were corrupted"
    if counts["torn"] > 2 * (counts["kill"] + counts["stop"] + counts["damage"]):
        yield "more lines are torn than agents were ended"
