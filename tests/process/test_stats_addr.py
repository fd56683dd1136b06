"""-stats-addr of the real command: metrics, health and a page, while lines flow, are held or lost."""

import json
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import Source, find_closed_port, make_lines, run, start
from tests.helpers.stats import FLAG, fetch, find_url, read_metrics

pytestmark = pytest.mark.process

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
CLOSED = f"http://token:zq9-pass-word@127.0.0.1:{find_closed_port()}/"


def is_balanced(metrics: dict[str, float]) -> bool:
    counts = [metrics[f"lines_{name}_total"] for name in ("delivered", "dropped", "lost")]
    return metrics["lines_read_total"] == sum(counts) + metrics["lines_held"]


def test_the_identity_holds_in_every_scrape_of_a_flood() -> None:
    with (
        LocalDrain(Behaviour(status=503, times=3)) as drain,
        start(*FLAG, "-logs-url", drain.url, "-back-buff", "2", "-batch-size", "50") as agent,
    ):
        source = Source(agent.stdin, rate=20_000)
        seen = [read_metrics(fetch(agent, "metrics").text) for _ in range(40)]
        source.stop_after(0)
        source.finish()
        agent.finish()
    assert all(map(is_balanced, seen))
    reads = [metrics["lines_read_total"] for metrics in seen]
    assert reads == sorted(reads)
    assert reads[-1] > 0
    requests = sum(value for name, value in seen[-1].items() if name.startswith("requests_total"))
    assert seen[-1]["request_duration_seconds_count"] == requests


def test_prometheus_gets_its_own_form_and_openmetrics_where_it_asks_for_it() -> None:
    with LocalDrain() as drain, start(*FLAG, "-logs-url", drain.url) as agent:
        agent.stdin.write(b"one\ntwo\n")
        agent.stdin.flush()
        assert drain.wait_for(messages=2)
        plain, own = fetch(agent, "metrics"), fetch(agent, "metrics", accept=OPENMETRICS)
        agent.finish()
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert own.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name: family for family in parse_openmetrics(own.text)}  # type: ignore[no-untyped-call]
    assert families["log_shuttle_lines_read"].samples[0].value == 2
    assert families["log_shuttle_request_duration_seconds"].type == "histogram"
    assert read_metrics(plain.text)["lines_read_total"] == 2


def test_an_agent_is_not_ready_while_the_drain_is_down_and_says_why_without_the_password() -> None:
    with start(*FLAG, "-logs-url", CLOSED, "-land-timeout", "1s") as agent:
        assert (fetch(agent, "readyz").status_code, fetch(agent, "healthz").status_code) == (200, 200)
        agent.stdin.write(b"one\n")
        agent.stdin.flush()
        agent.hear("drain.down")
        ready, health, metrics = fetch(agent, "readyz"), fetch(agent, "healthz"), fetch(agent, "metrics")
        texts = [fetch(agent, path).text for path in ("", "state.json", "page.js")] + [ready.text, metrics.text]
        agent.finish()
    assert ready.status_code == 503
    assert re.fullmatch(r"the drain is down for \d+ s: connection refused\n", ready.text)
    assert health.status_code == 200
    assert read_metrics(metrics.text)["drain_up"] == 0
    assert read_metrics(metrics.text)['requests_total{code="none"}'] >= 1
    assert [text for text in texts if "zq9" in text] == []


def test_an_agent_that_lost_lines_is_not_ready() -> None:
    with LocalDrain(Behaviour(status=400)) as drain, start(*FLAG, "-logs-url", drain.url) as agent:
        agent.stdin.write(b"one\n")
        agent.stdin.flush()
        agent.hear("lines.lost")
        ready = fetch(agent, "readyz")
        agent.finish()
    assert (ready.status_code, ready.text) == (503, "lines dropped or lost within the last 60 s: 1\n")


def test_the_state_shows_files_their_lag_and_the_latest_lines_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "app\x1b[31m.log"
    log.write_bytes(b"".join(make_lines(100_000)))
    flags = ("-file", str(log), "-from", "beginning", "-back-bytes", "65536", "-land-timeout", "0s")
    with start(*FLAG, "-logs-url", CLOSED, *flags) as agent:
        agent.hear("drain.down")
        state = json.loads(fetch(agent, "state.json").text)
        agent.signal(signal.SIGTERM)
        agent.finish()
    ((name, unread),) = state["unread"].items()
    assert name == str(log).replace("\x1b", r"\x1b")
    assert 0 < unread < log.stat().st_size
    assert state["drain"]["error"] == "connection refused"
    assert [line["level"] for line in state["log"] if " at=drain.down " in line["text"]] == ["warning"]


def test_the_page_loads_nothing_from_elsewhere() -> None:
    with LocalDrain() as drain, start(*FLAG, "-logs-url", drain.url) as agent:
        page = fetch(agent, "")
        named = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        answers = {name: fetch(agent, name.removeprefix("/")).status_code for name in named}
        agent.finish()
    assert answers
    assert set(answers.values()) == {200}
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert re.findall(r"<script(?! src)|<style|\bon\w+=|\bstyle=|https?://(?!www\.w3\.org/2000/svg)", page.text) == []


def test_a_port_that_is_taken_ends_the_start_before_anything_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, LocalDrain() as drain:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("-stats-addr", address, "-logs-url", drain.url, data=b"one\n")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"log-shuttle: -stats-addr '{address}': Address already in use\n"
    assert drain.messages == []


@pytest.mark.parametrize("address", ["x", "127.0.0.1", "1.2.3.4:99999"])
def test_what_is_no_address_is_an_error_of_one_line(address: str) -> None:
    ended = run("-stats-addr", address, "-logs-url", CLOSED)
    assert ended.code == 1
    assert re.fullmatch(r"log-shuttle: -stats-addr \S+: must be HOST:PORT or PORT, .+\n", ended.err)


def test_a_client_that_stands_still_does_not_delay_the_end() -> None:
    with LocalDrain() as drain, start(*FLAG, "-logs-url", drain.url) as agent:
        url = httpx.URL(find_url(agent))
        assert url.port
        with socket.create_connection((url.host, url.port)) as client:
            client.send(b"GET /metrics HTTP/1.1\r\n")
            ended = agent.finish(b"one\n")
            assert client.recv(1) == b""
    assert ended.code == 0
    assert drain.messages == [b"one\n"]


def test_metrics_are_served_around_an_application_and_until_the_end_of_the_landing() -> None:
    application = ("sh", "-c", "echo one; read line")
    flags = ("-logs-url", CLOSED, "-land-timeout", "30s")
    with start(*FLAG, *flags, "--", *application) as agent:
        agent.hear("drain.down")
        before = read_metrics(fetch(agent, "metrics").text)
        agent.stdin.write(b"go on\n")
        agent.stdin.close()
        while not read_metrics(fetch(agent, "metrics").text)["landing"]:
            pass
        agent.signal(signal.SIGTERM)
        agent.signal(signal.SIGTERM)
        agent.finish()
    assert (before["lines_held"], before["landing"]) == (1, 0)
