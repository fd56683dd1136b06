"""GET on the drain's port: pages for those who may see them, and deliveries go on whatever their readers do."""

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from shuttle.local_drain import Behaviour, Exchange, LocalDrain
from shuttle.local_drain.page import drain_site
from shuttle.local_drain.page.drain_site import MOST_FEEDS, DrainSite
from tests.helpers.deliveries import post

ASSETS = (
    "/ /chart.js /feed.js /filter.js /format.js /icon.svg /list.js /main.js /metrics.js /page.css /store.js /traffic.js"
)
PROMTOOL = shutil.which("promtool")
NOW = "%Y-%m-%dT%H:%M:%S.000000+00:00"


@pytest.fixture
def drain() -> Iterator[LocalDrain]:
    with LocalDrain(pages=DrainSite()) as drain:
        yield drain


def connect(drain: LocalDrain) -> socket.socket:
    host, port = drain.url.split("/")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def get(
    drain: LocalDrain, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection(drain.url.split("/")[2])
    connection.request(method, path, headers=dict(headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def open_feed(drain: LocalDrain, last: str = "") -> socket.socket:
    client = connect(drain)
    client.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {last}\r\n\r\n".encode())
    return client


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    read = bytearray()
    while read.find(wanted, max(0, len(read) - 70_000)) < 0:
        piece = client.recv(65536)
        assert piece, read[-1000:]
        read += piece
    return bytes(read)


@pytest.mark.parametrize("path", ASSETS.split())
def test_each_file_is_guarded(drain: LocalDrain, path: str) -> None:
    answer, text = get(drain, path)
    assert answer.status == 200
    assert text
    headers = {name.lower(): value for name, value in answer.getheaders()}
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["connection"] == "close"
    elsewhere = {url for url in re.findall(r"https?://[^\s\"'<]+", text) if url != "http://www.w3.org/2000/svg"}
    assert elsewhere == set()
    assert not re.search(
        r"<script>|<style|\sstyle=|\son[a-z]+=|innerHTML|insertAdjacentHTML|document\.write|eval\(", text
    )


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"Host": "evil.example"}, 421),
        ("/events", {"Host": "evil.example:9080"}, 421),
        ("/metrics", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("/", {"Host": "localhost:1"}, 200),
        ("/../receiver.py", {}, 404),
        ("/%2e%2e/receiver.py", {}, 404),
        ("/assets/page.css", {}, 404),
        ("/page.css?a=b", {}, 200),
    ],
)
def test_who_gets_what(drain: LocalDrain, path: str, headers: Mapping[str, str], status: int) -> None:
    assert get(drain, path, headers)[0].status == status


def test_other_methods_get_no_page(drain: LocalDrain) -> None:
    assert get(drain, "/", method="PUT", headers={"Content-Length": "0"})[0].status == 405
    assert get(drain, "/", method="HEAD")[0].status == 501
    assert get(drain, "/", method="DELETE")[0].status == 501


def test_a_drain_without_pages_takes_a_get_for_a_wrong_delivery() -> None:
    with LocalDrain() as drain:
        assert get(drain, "/", {"Content-Length": "0"})[0].status == 405
        assert drain.counts.refused == 1


def test_a_page_is_no_request_and_meets_no_misbehaviour() -> None:
    with LocalDrain(Behaviour(status=503, times=1), pages=DrainSite()) as drain:
        assert get(drain, "/")[0].status == 200
        assert drain.counts.requests == 0
        post(drain, ["a"], status=503)
        assert drain.counts.refused == 1


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        ("Basic dG9rZW46c2VjcmV0", 200),
        ("Bearer t0ken", 200),
        ("Basic YW55Ym9keTp0MGtlbg==", 200),
        ("Basic YW55Ym9keTo=", 401),
        ("Basic !", 401),
        ("Basic é", 401),
        ("Bearer other", 401),
    ],
)
def test_credentials_are_those_of_deliveries(authorization: str, status: int) -> None:
    with LocalDrain(Behaviour(auth="token:secret", bearer="t0ken"), pages=DrainSite()) as drain:
        headers = {"Authorization": authorization} if authorization else {}
        for path in ("/", "/events?x", "/metrics"):
            if status == 401 or path != "/events?x":  # which would go on
                assert get(drain, path, headers)[0].status == status


def test_events_go_on_by_id(drain: LocalDrain) -> None:
    post(drain, ["one", "two"])
    with open_feed(drain) as client:
        first = read_until(client, b'"two"').decode()
    [id_] = re.findall(r"^id: (.+)$", first, re.MULTILINE)
    assert '"resumed":false' in first
    post(drain, ["three"])
    with open_feed(drain, id_) as client:
        second = read_until(client, b'"three"').decode()
    assert '"resumed":true' in second
    assert '"one"' not in second
    assert '"first":3,"skipped":0' in second


def test_two_runs_never_share_an_id() -> None:
    epochs = set()
    for _ in range(2):
        with LocalDrain(pages=DrainSite()) as drain, open_feed(drain) as client:
            epochs |= set(re.findall(rb'"epoch":"(\w+)"', read_until(client, b"event: numbers")))
    assert len(epochs) == 2


def test_a_page_more_than_allowed_is_refused_and_one_that_goes_makes_room(drain: LocalDrain) -> None:
    with ExitStack() as stack:
        feeds = [stack.enter_context(open_feed(drain)) for _ in range(MOST_FEEDS)]
        for client in feeds:
            read_until(client, b"event: hello")
        with open_feed(drain) as client:
            assert b"503 Service Unavailable" in read_until(client, b"pages open already")
        assert get(drain, "/")[0].status == 200  # files are another matter
        feeds[0].close()
        post(drain, ["a"])
        while True:  # the drain sees it when it writes
            with open_feed(drain) as client:
                if b"200 OK" in client.recv(100):
                    break


def test_readers_that_take_nothing_cost_no_delivery_and_little_memory(drain: LocalDrain) -> None:
    """What is read of a feed that stood still is the newest, and says what is missing."""
    with ExitStack() as stack:
        feeds = [stack.enter_context(open_feed(drain)) for _ in range(MOST_FEEDS)]
        for client in feeds:
            read_until(client, b"event: numbers")
        text = "x" * 5000
        post(drain, [f"{number} {text}" for number in range(5000)])  # 25 MB, and the ring has 16
        assert drain.counts.messages == 5000
        read = read_until(feeds[0], b'"4999 x')
        assert re.search(rb'"skipped":[1-9]', read)


def test_the_end_waits_for_no_reader() -> None:
    with LocalDrain(pages=DrainSite()) as drain:
        stuck, waiting = open_feed(drain), open_feed(drain)
        for client in (stuck, waiting):
            read_until(client, b"event: hello")
        post(drain, ["x" * 9000] * 2000)
        begun = time.monotonic()
    assert time.monotonic() - begun < drain.behaviour.patience / 2
    stuck.close()
    waiting.close()


def test_a_reader_that_takes_nothing_is_dropped() -> None:
    ended = threading.Event()

    def watch(exchange: Exchange) -> None:
        if exchange.reason.startswith("connection ended"):
            ended.set()

    with LocalDrain(Behaviour(patience=0.5), watch, DrainSite()) as drain, open_feed(drain) as client:
        read_until(client, b"event: hello")
        post(drain, ["x" * 9000] * 1500)  # more than the kernel keeps
        assert ended.wait(30)


def test_a_reader_is_kept_however_long_no_message_comes() -> None:
    with LocalDrain(Behaviour(patience=0.3), pages=DrainSite()) as drain, open_feed(drain) as client:
        for _ in range(3):  # a second from one to the next
            read_until(client, b"event: numbers")


def test_the_page_is_there_in_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    pem = tmp_path / "drain.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with LocalDrain(Behaviour(cert=pem), pages=DrainSite()) as drain:
        connection = http.client.HTTPSConnection(drain.url.split("/")[2], context=context)
        connection.request("GET", "/")
        with connection.getresponse() as answer:
            assert b"<title>log-shuttle-drain</title>" in answer.read()
        connection.request("GET", "/events")
        feed = connection.getresponse()
        assert feed.readline() == b"retry: 1000\n"
    feed.close()
    connection.close()


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
