"""`python -m bench`: this project and its peers side by side."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from bench.campaign import Campaign, Chapter
from bench.certificate import write_certificate
from bench.chart import write_chart
from bench.corpus import Corpora
from bench.machine import describe_machine
from bench.measurement import Place
from bench.program import OWN, ROOT, PeerError, Program, list_programs, parse_peer
from bench.progress import Progress
from bench.record import write_record
from bench.scenarios import LINES, choose, list_scenarios
from bench.table import make_table


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"bench: {message}\n")


def _make_parser() -> _Parser:
    names = ", ".join(scenario.name for scenario in list_scenarios())
    parser = _Parser(
        prog="python -m bench",
        description="Measure log-shuttle, and its peers beside it: lines/s, CPU, memory, loss. See bench/README.md.",
        epilog=f"Scenarios: {names}; scale stands for all of its steps.",
    )
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND", help="takes the same flags")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of each program (default 3)")
    parser.add_argument("--scenario", action="append", default=[], metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--lines", type=int, default=LINES, metavar="N", help=f"of a flood (default {LINES})")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "out", metavar="DIR", help="default bench/out")
    parser.add_argument("--quick", action="store_true", help="20 times fewer lines: to see that it works")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run, and return 1 if this project failed anywhere."""
    parser = _make_parser()
    options = parser.parse_args(argv)
    try:
        programs = list_programs(map(parse_peer, options.peer))
        scenarios = choose(options.scenario, list_scenarios(options.lines, quick=options.quick))
    except (PeerError, ValueError) as error:
        parser.error(str(error))
    if options.runs < 1 or options.lines < 100:
        parser.error("--runs must be 1 or more, --lines 100 or more")
    campaign = Campaign(programs, scenarios, runs=options.runs, progress=Progress(sys.stderr))
    return _run(campaign, programs, options.out)


def _run(campaign: Campaign, programs: list[Program], out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    machine = describe_machine(programs)
    print(", ".join(f"{machine[key]}" for key in ("cpu", "kernel", "python")) + f", {machine['cores']} cores\n")
    chapters: list[Chapter] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        place = Place(Path(name), Corpora(Path(name)), Path(name) / "drain.pem")
        write_certificate(place.certificate)
        for chapter in campaign.run(place):
            chapters.append(chapter)
            print(make_table(chapter), flush=True)
            write_record(out / "results.json", machine, chapters)
    shown = write_chart(out / "chart.svg", machine, chapters)
    print(f"written: {out}/results.json" + f", {out}/chart.svg" * shown)
    return int(any(result.failed for chapter in chapters for result in chapter.results if result.program.name == OWN))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
