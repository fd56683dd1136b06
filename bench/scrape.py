"""`python -m bench.scrape`: what -stats-addr and a scrape each second cost a flood.

Floods with it and without it come in pairs, which take turns at being first. Only the flood is measured: the agent has
started, and listens, before the first line comes. The figures are the medians of the pairs' ratios: 1.02 is 2 % more.
On a busy machine they scatter by more than that. So the CPU of a scrape is measured by itself, too, on an idle agent;
and with --rate 20 a flood is scraped 20 times a second, which shows what 20 times the cost is.
"""

import argparse
import http.client
import os
import re
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from bench.corpus import Corpora, Corpus
from bench.program import THIS
from bench.stage import GUARD, Agent, Drain, Feed, RunError
from bench.tally import check
from bench.wakefulness import read_wakefulness

FLAGS = ("-batch-size", "500", "-drop=false")
SCRAPES = 200
QUIET = 2  # times in a row that a start must have used no CPU: it is over then


class Cost(NamedTuple):
    """What a flood took."""

    seconds: float
    cpu: float
    scrapes: int


def scrape(port: int) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=GUARD)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read()


class Scraper(threading.Thread):
    """Asks for the metrics `rate` times a second until it is stopped."""

    def __init__(self, port: int, rate: float) -> None:
        super().__init__()
        self._rate = rate
        self.scrapes = 0
        self._port = port
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.scrapes += b"log_shuttle_lines_read_total" in scrape(self._port)
            except OSError:
                return  # it has ended
            self._stopped.wait(1 / self._rate)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def wait_until_started(agent: Agent, errors: Path, *, serves: bool) -> int:
    """Return the port it serves at, 0 if none, as soon as it does nothing more."""
    cpu, quiet = -1, 0
    until = time.monotonic() + GUARD
    while time.monotonic() < until:
        used = read_wakefulness(agent.pid).cpu_ns
        quiet = quiet + 1 if used == cpu else 0
        cpu = used
        found = re.search(r" url=http://127\.0\.0\.1:(\d+)/", errors.read_text("utf-8"))
        if quiet >= QUIET and (found or not serves):
            return int(found[1]) if found else 0
        time.sleep(0.2)
    raise RunError("it does not come to rest")


def flood(corpus: Corpus, directory: Path, *, rate: float) -> Cost:
    """Send all lines through an agent that is scraped so often, and return what that took, without its start."""
    errors, serves = directory / "stderr", rate > 0
    with ExitStack() as stack:
        drain = stack.enter_context(Drain(line_bytes=corpus.line_bytes))
        files = " ".join([str(corpus.path)] * corpus.repeats)
        source = stack.enter_context(Feed(["sh", "-c", f"cat; exec cat {files}"]))
        flags = ["-logs-url", drain.url, *FLAGS, *(("-stats-addr", "0") if serves else ())]
        agent = stack.enter_context(Agent(THIS, flags, source.output, errors))
        source.output.close()
        port = wait_until_started(agent, errors, serves=serves)
        scraper = Scraper(port, rate) if serves else None
        before = read_wakefulness(agent.pid).cpu_ns / 1e9
        started = time.monotonic_ns()
        if scraper:
            scraper.start()
        source.go()
        usage = agent.wait(GUARD + corpus.lines / 20_000)
        if scraper:
            scraper.stop()
        tally = drain.read()
    check(tally, lines=corpus.lines, number_sum=corpus.number_sum)
    return Cost((tally.last_ns - started) / 1e9, usage.cpu - before, scraper.scrapes if scraper else 0)


def cost_of_a_scrape(directory: Path) -> float:
    """Return the seconds of CPU that an idle agent takes for one."""
    errors = directory / "stderr"
    with Agent(THIS, ["-logs-url", "http://127.0.0.1:9/", "-stats-addr", "0"], subprocess.PIPE, errors) as agent:
        port = wait_until_started(agent, errors, serves=True)
        before = read_wakefulness(agent.pid).cpu_ns
        for _ in range(SCRAPES):
            scrape(port)
        return (read_wakefulness(agent.pid).cpu_ns - before) / 1e9 / SCRAPES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scrape", description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000, help="of each flood")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1.0, help="scrapes a second")
    options = parser.parse_args()
    ratios: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(f"a scrape takes {cost_of_a_scrape(Path(name)) * 1e3:.2f} ms of CPU", flush=True)
        corpus = Corpora(Path(name)).get("log", 178, options.lines)
        for pair in range(options.pairs):
            rates = (options.rate, 0.0) if pair % 2 else (0.0, options.rate)
            costs = {rate: flood(corpus, Path(name), rate=rate) for rate in rates}
            without, served = costs[0.0], costs[options.rate]
            ratios.append((served.cpu / without.cpu, served.seconds / without.seconds))
            print(
                f"CPU {without.cpu:.2f} s, with {served.cpu:.2f} s: {ratios[-1][0]:.3f}   "
                f"took {without.seconds:.2f} s, with {served.seconds:.2f} s: {ratios[-1][1]:.3f}   "
                f"scrapes {served.scrapes}, load {os.getloadavg()[0]:.0f}",
                flush=True,
            )
    for title, column in (("CPU", 0), ("seconds", 1)):
        values = [ratio[column] for ratio in ratios]
        low, _, high = quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
        print(f"{title}: median {median(values):.3f}, quartiles {low:.3f} and {high:.3f}")


if __name__ == "__main__":
    main()
