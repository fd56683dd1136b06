"""With -gzip the same frames arrive, compressed by the fast library or, where it is missing, by zlib."""

import gzip
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.frame import Framer
from shuttle.drain.logplex import Logplex
from tests.helpers.clients import make_idle_client
from tests.helpers.frames import make_config, make_framer, walk
from tests.helpers.requests import LATER, make_batch, make_request, owe

ROOT = Path(__file__).parents[2]
# A program in which python-isal cannot be imported, as where it has no wheel.
WITHOUT_ISAL = """
import sys
sys.modules["isal"] = None
from tests.helpers.requests import make_request, owe
request = make_request([b"Hello World", b"x" * 30_000], owe(2, 2), gzip=True)
sys.stdout.buffer.write(request.headers["Content-Encoding"].encode() + b"\\n" + request.read())
"""
LARGEST_RATIO = 1.10  # of the fast library's bytes to zlib's at its default level


def make_log(lines: int) -> list[bytes]:
    """Return lines like a router's: much alike, with numbers and ids that differ."""
    source = random.Random(1)
    return [
        (
            f"at=info method={source.choice(['GET', 'GET', 'GET', 'POST', 'PUT'])}"
            f' path="/api/v1/{source.choice(["orders", "users", "carts"])}/{source.randrange(10**6)}"'
            f" host=app.example request_id={source.getrandbits(128):032x} dyno=web.{source.randint(1, 8)}"
            f" connect={source.randint(0, 3)}ms service={source.randint(3, 900)}ms status=200"
            f" bytes={source.randrange(10**5)}"
        ).encode()
        for _ in range(lines)
    ]


@pytest.fixture(params=["isal", "zlib"])
def drain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Framer], Logplex]:
    """Make a drain with python-isal, and without it."""
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)
    return lambda framer: Logplex(make_config(gzip=True), framer, make_idle_client())


@pytest.mark.parametrize("lines", [[b""], [b"Hello World"], [b"\0\xff" * 5000], make_log(500)])
def test_a_gzip_body_holds_the_same_frames_and_reports(drain: Callable[[Framer], Logplex], lines: list[bytes]) -> None:
    framer = make_framer()
    batch = make_batch(lines, framer)
    plain = Logplex(make_config(), framer, make_idle_client()).make_request(batch, owe(2, 2), stamp=LATER)
    request = drain(framer).make_request(batch, owe(2, 2), stamp=LATER)
    body = request.read()
    assert gzip.decompress(body) == plain.read()
    assert request.headers["Content-Encoding"] == "gzip"
    assert request.headers["Content-Length"] == str(len(body))
    assert request.headers["Logplex-Msg-Count"] == plain.headers["Logplex-Msg-Count"]


def test_a_gzip_body_is_the_same_in_every_attempt(drain: Callable[[Framer], Logplex]) -> None:
    framer = make_framer()
    batch = make_batch([b"Hello World"], framer)
    made = drain(framer)
    assert made.make_request(batch, owe(), stamp=LATER).read() == made.make_request(batch, owe(), stamp=LATER).read()


def test_without_gzip_nothing_is_encoded() -> None:
    request = make_request()
    assert "Content-Encoding" not in request.headers
    assert len(walk(request.read())) == 1


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=5))
def test_any_bytes_survive_gzip(lines: list[bytes]) -> None:
    assert gzip.decompress(make_request(lines, gzip=True).read()) == make_request(lines).read()


def test_the_fast_library_compresses_almost_as_well() -> None:
    pytest.importorskip("isal")
    lines = make_log(500)
    plain = make_request(lines).read()
    fast = len(make_request(lines, gzip=True).read())
    usual = len(zlib.compress(plain, 6, 31))
    assert fast / usual <= LARGEST_RATIO
    assert fast < len(plain) / 3


def test_the_fast_library_compresses_where_it_is_installed() -> None:
    igzip = pytest.importorskip("isal.igzip")
    lines = make_log(50)
    assert make_request(lines, gzip=True).read() == igzip.compress(make_request(lines).read(), compresslevel=1)


@pytest.mark.process
def test_zlib_compresses_where_isal_is_missing() -> None:
    shown = subprocess.run([sys.executable, "-c", WITHOUT_ISAL], cwd=ROOT, capture_output=True, check=True, timeout=60)
    encoding, _, body = shown.stdout.partition(b"\n")
    plain = make_request([b"Hello World", b"x" * 30_000], owe(2, 2)).read()
    assert encoding == b"gzip"
    assert body == zlib.compress(plain, 6, 31)
