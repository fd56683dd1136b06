"""GET on the drain's port: which page there is, and for whom."""

import http.client
import re
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from shuttle.local_drain import Behaviour, LocalDrain
from shuttle.local_drain.page.drain_site import DrainSite
from tests.helpers.deliveries import post
from tests.helpers.drain_clients import get, open_feed, read_until

ASSETS = (
    "/ /chart.js /feed.js /filter.js /format.js /icon.svg /list.js /main.js /metrics.js /page.css /store.js /traffic.js"
)


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
    refused, _ = get(drain, "/", method="PUT", headers={"Content-Length": "0"})
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, POST")
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
