"""The harness with real processes: it measures an honest program, and is not taken in by one that is not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.program import OWN

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
PEER = ROOT / "tests/helpers/peer.py"
LINES = 2000
LONGEST = 120.0  # seconds; a guard against hanging, and no measure


def measure(
    out: Path, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, dict[str, object]]]]:
    command = [sys.executable, "-m", "bench", "--out", str(out), "--runs", "1", "--lines", str(LINES), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False)
    record = json.loads((out / "results.json").read_text("utf-8")) if ended.returncode != 2 else {"scenarios": {}}
    return ended, {name: scenario["programs"] for name, scenario in record["scenarios"].items()}


def test_a_flood_is_measured_and_a_cheating_peer_found(tmp_path: Path) -> None:
    """A peer that refuses the flags is skipped and is no failure."""
    peers = [f"--peer={name}={sys.executable} {PEER} {name}" for name in ("honest", "changes", "repeats", "refuses")]
    ended, programs = measure(tmp_path, "--scenario=plain", "--scenario=gzip", *peers)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    plain = programs["plain"]
    for name in (OWN, "honest"):
        assert plain[name]["lost"]["median"] == 0.0  # type: ignore[index]
    assert "line 7 was changed" in str(plain["changes"]["failed"])
    assert "arrived twice" in str(plain["repeats"]["failed"])
    assert plain["refuses"] == {"skipped": "no such flag: -batch-size"}
    assert "better than honest" in ended.stdout
    assert "better than changes" not in ended.stdout
    assert "<svg" in (tmp_path / "chart.svg").read_text("utf-8")
    assert ended.stderr == ""  # progress is for terminals


def test_each_other_scenario_gives_its_figures(tmp_path: Path) -> None:
    chosen = ["--scenario=single", "--scenario=https", "--scenario=start", "--quick"]
    ended, programs = measure(tmp_path, *chosen)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {"p50", "p99", "cpu"} <= set(programs["single"][OWN])
    assert "rate" in programs["https"][OWN]
    assert {OWN, "its imports"} <= set(programs["start"])


@pytest.mark.parametrize(
    ("flag", "complaint"),
    [("--scenario=plian", "must be one of"), ("--peer=go", "must be name=command"), ("--runs=0", "--runs")],
)
def test_a_wrong_flag_is_one_line_and_exit_2(flag: str, complaint: str, tmp_path: Path) -> None:
    ended, _ = measure(tmp_path, flag)
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert complaint in line


def test_the_parts_of_the_hot_path_are_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.micro", "--runs", "1", "--seconds", "0.001"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=True).stdout
    names = [line[:36].strip() for line in shown.splitlines()[1:]]
    assert {"split by newline, 178 bytes", "frame, 178 bytes", "buffer in and out, batches of 500"} <= set(names)
