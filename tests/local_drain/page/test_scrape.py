"""`/metrics`: Prometheus reads the numbers that the page shows."""

import json
import shutil
import subprocess
import time

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from shuttle.local_drain import LocalDrain
from shuttle.local_drain.page import drain_site
from tests.helpers.deliveries import post
from tests.helpers.drain_clients import get, open_feed, read_until

PROMTOOL = shutil.which("promtool")
NOW = "%Y-%m-%dT%H:%M:%S.000000+00:00"


def read_samples(text: str) -> dict[tuple[str, str, str], float]:
    families = text_string_to_metric_families(text)
    return {
        (
            sample.name.removeprefix("log_shuttle_drain_"),
            sample.labels.get("name", ""),
            sample.labels.get("quantile", ""),
        ): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_the_same_numbers(drain: LocalDrain) -> None:
    stamp = time.strftime(NOW, time.gmtime())
    post(drain, ["measure#db=4ms count#pay=2 source=web.1", "measure#db=6ms sample#size=3GB"], timestamp=stamp)
    post(drain, ['count#pay=3 source=web.1 count#we"i\\rd{}=1'], timestamp=stamp)
    answer, text = get(drain, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    samples = read_samples(text)
    assert samples["messages_total", "", ""] == 3
    assert samples["l2met_count_total", "pay", ""] == 5
    assert samples["l2met_sample", "size", ""] == 3
    assert samples["l2met_measure", "db", "0.5"] in (4, 6)  # one of each source
    assert 'l2met_count_total{name="pay",source="web.1",unit=""} 5.0' in text


@pytest.mark.skipif(not PROMTOOL, reason="needs promtool (Debian: prometheus)")
def test_promtool_finds_no_fault(drain: LocalDrain) -> None:
    post(
        drain, ["measure#db=4ms count#pay=2 sample#size=3GB source=größe"], timestamp=time.strftime(NOW, time.gmtime())
    )
    text = get(drain, "/metrics")[1]
    checked = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_openmetrics_is_given_where_it_is_asked_for(drain: LocalDrain) -> None:
    post(drain, ["measure#db=4ms count#pay=2 sample#size=3GB"])
    answer, text = get(drain, "/metrics", {"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    families = parse_openmetrics(text)  # type: ignore[no-untyped-call]
    assert "log_shuttle_drain_l2met_measure" in {family.name for family in families}


def test_the_page_shows_some_of_many_series(drain: LocalDrain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_site, "MOST_SHOWN", 3)
    post(drain, [f"count#metric-{number}=1" for number in range(600)])
    with open_feed(drain) as client:
        head = read_until(client, b"event: numbers\ndata: ")
        data = (head + read_until(client, b"\n\n")).partition(b"event: numbers\ndata: ")[2].partition(b"\n")[0]
    numbers = json.loads(data)
    assert (len(numbers["metrics"]), numbers["series"], numbers["ignored"]) == (3, 500, 100)
