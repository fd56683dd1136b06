"""What the harness says: figures, ratios, table, record and chart."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.campaign import Chapter, Result
from bench.chart import write_chart
from bench.metrics import compare, summarize
from bench.program import OWN, THIS, PeerError, Program, list_programs, parse_peer
from bench.record import write_record
from bench.scenarios import QUICK, choose, list_scenarios
from bench.table import make_table

PEER = Program("go", ("go-log-shuttle",))
MACHINE: dict[str, object] = {"cpu": "A <CPU>", "cores": 2, "kernel": "Linux", "python": "CPython"}


def make_chapter(*results: Result, name: str = "plain") -> Chapter:
    return Chapter(choose([name], list_scenarios())[0], list(results))


def make_runs(*rates: float) -> list[dict[str, float]]:
    return [{"rate": rate, "cpu": 1e6 / rate, "rss": 40.0, "lost": 0.0, "wire": 50.0} for rate in rates]


def test_a_figure_is_the_median_with_its_spread() -> None:
    summary = summarize([3.0, 1.0, 2.0])
    assert (summary.median, summary.least, summary.most, summary.runs) == (2.0, 1.0, 3.0, (3.0, 1.0, 2.0))


@pytest.mark.parametrize(("metric", "own", "peer", "ratio"), [("rate", 6.0, 2.0, 3.0), ("cpu", 2.0, 6.0, 3.0)])
def test_a_ratio_above_one_is_always_better(metric: str, own: float, peer: float, ratio: float) -> None:
    assert compare(metric, summarize([own]), summarize([peer])) == ratio


def test_a_figure_that_may_be_zero_has_no_ratio() -> None:
    assert compare("lost", summarize([1.0]), summarize([2.0])) is None
    assert compare("cpu", summarize([0.0]), summarize([2.0])) is None


def test_the_table_has_a_row_for_each_program() -> None:
    """The last row says how many times better this program is."""
    chapter = make_chapter(Result(THIS, make_runs(900_000, 1_000_000, 1_200_000)), Result(PEER, make_runs(250_000)))
    _, heading, own, peer, ratio = make_table(chapter).splitlines()
    assert heading.split() == ["lines/s", "CPU", "s", "/", "10^6", "lines", "peak", "RSS", "MB", "lost", "%"]
    assert own.split()[:5] == [OWN, "1,000,000", "(900,000", "to", "1,200,000)"]
    assert peer.split() == ["go", "250,000", "4.00", "40.0", "0.00"]
    assert ratio.split() == ["better", "than", "go", "4.00", "x", "4.00", "x", "1.00", "x"]


def test_a_program_not_measured_has_its_reason() -> None:
    """It has no ratio."""
    table = make_table(
        make_chapter(
            Result(THIS, make_runs(1.0)), Result(PEER, failed="line 7 was changed"), Result(PEER, skipped="no")
        )
    )
    assert "failed: line 7 was changed" in table
    assert "skipped: no" in table
    assert "better" not in table


def test_the_record_holds_every_run(tmp_path: Path) -> None:
    chapters = [make_chapter(Result(THIS, make_runs(1.0, 2.0)), Result(PEER, failed="oh"))]
    write_record(tmp_path / "results.json", MACHINE, chapters)
    record = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert record["machine"] == MACHINE
    programs = record["scenarios"]["plain"]["programs"]
    assert programs[OWN]["rate"]["runs"] == [1.0, 2.0]
    assert programs["go"] == {"failed": "oh"}


def test_the_chart_has_a_bar_for_each_figure(tmp_path: Path) -> None:
    """The longest bar is the best."""
    path = tmp_path / "chart.svg"
    assert write_chart(path, MACHINE, [make_chapter(Result(THIS, make_runs(8.0)), Result(PEER, make_runs(2.0)))])
    space = {"svg": "http://www.w3.org/2000/svg"}
    image = ElementTree.fromstring(path.read_text("utf-8"))
    bars = [(bar.get("class"), float(bar.get("width", 0))) for bar in image.iterfind("svg:rect", space)]
    assert [kind for kind, _ in bars] == ["own", "own", "peer", "peer"]
    assert bars[0][1] == pytest.approx(4 * bars[2][1], rel=0.01)
    assert "A <CPU>, 2 cores, Linux, CPython" in [text.text for text in image.iterfind("svg:text", space)]


def test_no_chart_is_written_without_its_scenario(tmp_path: Path) -> None:
    assert not write_chart(tmp_path / "chart.svg", MACHINE, [make_chapter(Result(THIS), name="idle")])
    assert not (tmp_path / "chart.svg").exists()


def test_a_scenario_is_chosen_by_its_name() -> None:
    """One name chooses all steps of the scale."""
    assert [scenario.name for scenario in choose(["scale", "gzip"], list_scenarios())] == [
        "gzip",
        "scale-1e4",
        "scale-1e5",
        "scale-1e6",
        "scale-1e7",
    ]
    with pytest.raises(ValueError, match=r"^--scenario plian: must be one of .*plain"):
        choose(["plian"], list_scenarios())


def test_quick_is_the_same_scenarios_with_fewer_lines() -> None:
    whole, quick = (choose([], list_scenarios(quick=quick)) for quick in (False, True))
    assert quick[0].lines == whole[0].lines // QUICK
    assert {scenario.name for scenario in quick} <= {scenario.name for scenario in whole}


@pytest.mark.parametrize("text", ["", "go", "=command", "go=", "go=no-such-program-here", "go='"])
def test_a_peer_that_cannot_be_run_is_an_error(text: str) -> None:
    with pytest.raises(PeerError, match=r"^--peer "):
        parse_peer(text)


def test_two_peers_with_one_name_are_an_error() -> None:
    """A peer that is given wins over one that is found."""
    peer = parse_peer("syslog-ng=cat -u")
    assert peer.command == ("cat", "-u")
    assert list_programs([peer]) == [THIS, peer]
    with pytest.raises(PeerError, match="the name is taken"):
        list_programs([peer, peer])
