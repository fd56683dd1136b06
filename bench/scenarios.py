"""The scenarios: their input, flags and metrics."""

from dataclasses import dataclass, replace
from typing import Literal

from bench.corpus import Text

Kind = Literal["flood", "file", "paced", "follow", "hang", "idle", "start"]
LINES = 2_000_000  # of a flood; a figure is steady from a second on, and a fast agent sends these in two
QUICK = 20  # times fewer lines, and seconds a tenth
SCALE = (10_000, 100_000, 1_000_000, 10_000_000)

# As many batches of 500 lines as fit the 64 MiB that this project holds, for programs that count batches.
_FULL_BUFFER = ("-back-buff", "560")
_NO_DROP = ("-batch-size", "500", "-drop=false")
_FILE = ("-batch-size", "500", "-follow=false", "-file", "{file}")
_FLOOD = ("rate", "cpu", "rss", "lost")
_FOLLOW = ("-file", "{grown}", "-from", "beginning")
_SCALE = ("seconds", *_FLOOD)
_LATENCY = ("p50", "p99", "cpu", "rss", "lost")
_TRICKLE = ("cpu_minute", "p50", "p99", "rss", "lost")
TRICKLES = (10, 100, 1000, 10_000)  # lines a second
_TRICKLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to measure."""

    name: str
    about: str
    flags: tuple[str, ...] = _NO_DROP
    metrics: tuple[str, ...] = _FLOOD
    kind: Kind = "flood"
    text: Text = "log"
    line_bytes: int = 178
    lines: int = LINES
    tls: bool = False
    rate: int = 1000
    """Lines a second, of a paced one or a file that is followed."""
    seconds: int = 0
    """That it lasts, of an idle one."""
    most_runs: int | None = None


_ALL = (
    Scenario("plain", "HTTP, nothing dropped"),
    Scenario("gzip", "the same with -gzip", (*_NO_DROP, "-gzip"), (*_FLOOD, "wire")),
    Scenario("https", "the same over TLS", (*_NO_DROP, "-skip-verify"), tls=True),
    Scenario("default", "default flags, cat file | program: what is dropped though the drain is healthy", ()),
    Scenario("file", "as plain, from a file", _FILE, kind="file"),
    Scenario("checkpoints", "from a file, with checkpoints", (*_FILE, "-state-dir", "{state}"), kind="file"),
    Scenario("spool", "as plain, with a spool", (*_NO_DROP, "-spool", "{state}")),
    Scenario("short", "lines of 20 bytes", line_bytes=20),
    Scenario("long", "lines of 5 KB", line_bytes=5000, lines=LINES // 20),
    Scenario("binary", "lines of random bytes", text="random"),
    Scenario(
        "single",
        "a batch a line, at 1,000 lines/s",
        ("-batch-size", "1", "-drop=false"),
        _LATENCY,
        "paced",
        lines=10_000,
    ),
    Scenario(
        "latency",
        "from write to arrival at 1,000 lines/s, -wait 250ms",
        ("-wait", "250ms"),
        _LATENCY,
        "paced",
        lines=10_000,
    ),
    *(
        Scenario(
            f"trickle-{rate}",
            f"a write a line, {rate:,} lines/s for a minute (6 s with --quick)",
            ("-wait", "250ms"),
            _TRICKLE,
            "paced",
            lines=rate * _TRICKLE_SECONDS,
            rate=rate,
            most_runs=3,
        )
        for rate in TRICKLES
    ),
    Scenario(
        "follow-100", "a file is followed that grows by 100 lines/s", _FOLLOW, _TRICKLE, "follow", lines=1000, rate=100
    ),
    Scenario("follow-1000", "the same, by 1,000 lines/s", _FOLLOW, _TRICKLE, "follow", lines=10_000),
    Scenario(
        "rss-hang",
        "the drain hangs and the buffer is full, 64 MiB",
        ("-batch-size", "500", *_FULL_BUFFER),
        ("rss",),
        "hang",
        lines=600_000,
    ),
    Scenario(
        "idle",
        "nothing to do, for 30 s (3 s with --quick)",
        (),
        ("idle_cpu", "wakeups", "rss"),
        "idle",
        lines=1,
        seconds=30,
    ),
    Scenario("start", "echo hi | program: until the line is there", (), ("first", "cpu_start"), "start", lines=1),
)


def list_scenarios(lines: int = LINES, *, quick: bool = False) -> list[Scenario]:
    """Return all scenarios, with `lines` lines in a flood, and the scale in steps up to five times as many."""
    part = QUICK if quick else 1
    lines //= part
    scenarios = [_fit(scenario, lines, part) for scenario in _ALL]
    for count in SCALE:
        if count <= 5 * lines:
            name = f"scale-{count:.0e}".replace("+0", "")
            scenarios.append(Scenario(name, "as plain, for more and more lines", metrics=_SCALE, lines=count))
    return scenarios


def _fit(scenario: Scenario, lines: int, part: int) -> Scenario:
    match scenario.kind:
        case "flood" | "file":
            return replace(scenario, lines=max(1, lines * scenario.lines // LINES))
        case "paced" | "follow":
            return replace(scenario, lines=scenario.lines // min(part, 10))
        case "idle":
            return replace(scenario, seconds=scenario.seconds // min(part, 10))
        case _:
            return scenario


def choose(names: list[str], scenarios: list[Scenario]) -> list[Scenario]:
    """Return the scenarios with these `names`, or all; `scale` stands for all of its steps.

    Raises:
        ValueError: There is none of a name.
    """
    known = {name for scenario in scenarios for name in (scenario.name, scenario.name.partition("-1e")[0])}
    for name in names:
        if name not in known:
            raise ValueError(f"--scenario {name}: must be one of {', '.join(sorted(known))}")
    return [x for x in scenarios if not names or {x.name, x.name.partition("-1e")[0]} & set(names)]
