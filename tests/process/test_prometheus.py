"""Debian's Prometheus reads the metrics, checks and tests the rules, and scrapes an agent."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest
import yaml

from shuttle.local_drain import LocalDrain
from tests.helpers.process import LONGEST, Agent, find_closed_port, make_lines, start
from tests.helpers.stats import FLAG, fetch, find_url

pytestmark = pytest.mark.process

EXAMPLES = Path(__file__).parents[2] / "examples"
PROMETHEUS = EXAMPLES / "prometheus"
METRIC = re.compile(r"\blog_shuttle_\w+")
SUFFIXES = ("_bucket", "_count", "_sum")  # what a histogram has behind its name

Tool = Callable[..., str]


@pytest.fixture
def promtool() -> Tool:
    """Run promtool, which has nothing to say but success, and return what it says."""
    found = shutil.which("promtool")
    if not found:
        pytest.skip("promtool is not installed: apt-get install prometheus")

    def run(*arguments: str, text: str = "") -> str:
        done = subprocess.run(
            [found, *arguments],
            input=text,
            cwd=PROMETHEUS,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[list[Agent]]:
    """Agents that have every metric between them: one has a spool, the other follows a file."""
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(make_lines(10)))
    with LocalDrain() as drain:
        common = (*FLAG, "-logs-url", drain.url)
        with (
            start(*common, "-spool", str(tmp_path / "spool")) as spooling,
            start(*common, "-file", str(log), "-from", "beginning") as following,
        ):
            spooling.stdin.write(b"".join(make_lines(10)))
            spooling.stdin.flush()
            assert drain.wait_for(messages=20)
            yield [spooling, following]
            spooling.stdin.close()


def test_promtool_finds_no_fault_in_the_metrics(promtool: Tool, agents: list[Agent]) -> None:
    for agent in agents:
        assert promtool("check", "metrics", text=fetch(agent, "metrics").text) == ""


def test_the_alert_rules_are_right_and_go_off_when_they_should(promtool: Tool) -> None:
    assert "SUCCESS" in promtool("check", "rules", "rules.yml")
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml")
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


def test_each_alert_has_a_case() -> None:
    rules = yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))["groups"][0]["rules"]
    tests = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text("utf-8"))["tests"]
    cases = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert {rule["alert"] for rule in rules} == cases


def test_dashboard_and_rules_name_only_metrics_that_exist(agents: list[Agent]) -> None:
    there = {name for agent in agents for name in METRIC.findall(fetch(agent, "metrics").text)}
    rules = METRIC.findall((PROMETHEUS / "rules.yml").read_text("utf-8"))
    dashboard = json.loads((EXAMPLES / "grafana/dashboard.json").read_text("utf-8"))
    shown = METRIC.findall(" ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"]))
    assert rules
    assert shown
    assert {*rules, *shown} <= there
    families = {name for name in there if not name.endswith(SUFFIXES)}
    assert {name for name in families if name not in " ".join(shown)} == {
        "log_shuttle_build_info",
        "log_shuttle_landing",
    }


def test_a_real_prometheus_scrapes_an_agent(agents: list[Agent], tmp_path: Path) -> None:
    found = shutil.which("prometheus")
    if not found:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    config = {
        "global": {"scrape_interval": "1s"},
        "rule_files": [str(PROMETHEUS / "rules.yml")],
        "scrape_configs": [
            {
                "job_name": "log-shuttle",
                "static_configs": [{"targets": [httpx.URL(find_url(agent)).netloc.decode() for agent in agents]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{find_closed_port()}"
    command = [found, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=subprocess.PIPE) as server:
        try:
            values = anyio.run(ask_until_known, f"http://{address}/api/v1/query", len(agents))
        finally:
            server.kill()
    assert values == ["10", "10"]


async def ask_until_known(url: str, count: int) -> list[str]:
    """Return what Prometheus knows of the lines delivered, as soon as it knows that of all agents."""
    async with httpx.AsyncClient(trust_env=False) as client:
        with anyio.fail_after(LONGEST):
            while True:
                try:
                    answer = await client.get(url, params={"query": "log_shuttle_lines_delivered_total"})
                    found = answer.json()["data"]["result"] if answer.is_success else []
                except httpx.TransportError:
                    found = []
                if len(found) == count:
                    return [one["value"][1] for one in found]
                await anyio.sleep(0.1)  # between two questions: it scrapes once a second
