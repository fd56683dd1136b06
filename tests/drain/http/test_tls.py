"""TLS: whom we trust, who we are, and what a user is told when either side refuses."""

import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from shuttle.config import Config
from shuttle.core.outcome import Reply
from shuttle.drain.http.tls import load_tls
from shuttle.drain.http.transport import DirectTransport
from shuttle.errors import ConfigError
from tests.drain.http.test_transport import make_request
from tests.helpers.clients import attempt
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import GUARD, NO_CONTENT, Server, always

TRUST = "-ca-file names the authority to trust; -skip-verify trusts anyone"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # what servers say to a TLS greeting
OWN = "check -client-cert and -client-key"


class Pki:
    """An authority, its files, and contexts for servers."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)
        client = self.authority.issue_cert("agent.example")
        self.client_cert, self.client_key, self.client_both = (folder / name for name in ("cert", "key", "both"))
        client.cert_chain_pems[0].write_to_path(self.client_cert)
        client.private_key_pem.write_to_path(self.client_key)
        client.private_key_and_cert_chain_pem.write_to_path(self.client_both)

    def serve(self, name: str = "127.0.0.1", *, ask_for_client: bool = False, **issue: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(name, **issue).configure_cert(context)
        if ask_for_client:
            self.authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


async def try_once(url: str, **settings: Any) -> Reply:
    """Make one attempt with the settings of a configuration."""
    transport = DirectTransport(load_tls(Config(logs_url=url, **settings)))
    try:
        return await attempt(transport, make_request(url), GUARD)
    finally:
        await transport.aclose()


@on_every_loop
async def test_an_unknown_authority_is_refused_with_advice(pki: Pki) -> None:
    with Server(always(NO_CONTENT), tls=pki.serve()) as server:
        outcome = await try_once(server.url)
    assert outcome.status is None
    assert outcome.error.startswith("the drain's certificate is not trusted: ")
    assert outcome.advice == TRUST
    assert server.requests == []


@on_every_loop
async def test_ca_file_names_the_authority_to_trust(pki: Pki) -> None:
    with Server(always(NO_CONTENT), tls=pki.serve()) as server:
        assert await try_once(server.url, ca_file=pki.ca_file) == Reply(status=204)


@on_every_loop
async def test_ca_file_replaces_the_systems_authorities(pki: Pki, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with pytest.MonkeyPatch.context() as patch, Server(always(NO_CONTENT), tls=pki.serve()) as server:
        patch.setenv("SSL_CERT_FILE", str(pki.ca_file))
        assert await try_once(server.url) == Reply(status=204)
        assert (await try_once(server.url, ca_file=other)).advice == TRUST


@on_every_loop
async def test_a_certificate_for_another_host_is_refused(pki: Pki) -> None:
    with Server(always(NO_CONTENT), tls=pki.serve("drain.example")) as server:
        outcome = await try_once(server.url, ca_file=pki.ca_file)
    assert outcome.error.startswith("the drain's certificate is not trusted: ")
    assert "127.0.0.1" in outcome.error
    assert outcome.advice == TRUST


@on_every_loop
async def test_a_certificate_for_the_host_name_is_accepted(pki: Pki) -> None:
    with Server(always(NO_CONTENT), tls=pki.serve("localhost")) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        assert await try_once(url, ca_file=pki.ca_file) == Reply(status=204)


@on_every_loop
async def test_an_expired_certificate_is_refused(pki: Pki) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    with Server(always(NO_CONTENT), tls=pki.serve(not_before=past, not_after=past)) as server:
        outcome = await try_once(server.url, ca_file=pki.ca_file)
    assert outcome.error == "the drain's certificate is not trusted: certificate has expired"


@pytest.mark.parametrize("name", ["127.0.0.1", "drain.example"])
@on_every_loop
async def test_skip_verify_trusts_anyone(pki: Pki, name: str) -> None:
    with Server(always(NO_CONTENT), tls=pki.serve(name)) as server:
        assert await try_once(server.url, skip_verify=True) == Reply(status=204)


@pytest.mark.parametrize("one_file", [False, True])
@on_every_loop
async def test_a_client_certificate_and_key_may_share_a_file(pki: Pki, one_file: bool) -> None:
    files = (
        {"client_cert": pki.client_both} if one_file else {"client_cert": pki.client_cert, "client_key": pki.client_key}
    )
    with Server(always(NO_CONTENT), tls=pki.serve(ask_for_client=True)) as server:
        assert await try_once(server.url, ca_file=pki.ca_file, **files) == Reply(status=204)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@on_every_loop
async def test_a_missing_client_certificate_gets_advice(pki: Pki, version: ssl.TLSVersion) -> None:
    """With TLS 1.3 the refusal comes after the handshake, in place of the answer."""
    context = pki.serve(ask_for_client=True)
    context.maximum_version = version
    with Server(always(NO_CONTENT), tls=context) as server:
        outcome = await try_once(server.url, ca_file=pki.ca_file)
        await server.until(lambda: bool(server.refused))
    assert outcome.status is None
    assert outcome.error.startswith("TLS failed: ")
    assert outcome.advice == OWN


@on_every_loop
async def test_a_drain_without_tls_gets_advice() -> None:
    with Server(lambda peer: peer.send(BAD_REQUEST)) as server:
        outcome = await try_once(server.url.replace("http:", "https:"))
    assert outcome.error == "the drain does not speak TLS there"
    assert "-logs-url" in outcome.advice


@on_every_loop
async def test_http_to_a_drain_with_tls_is_an_error(pki: Pki) -> None:
    with Server(always(NO_CONTENT), tls=pki.serve()) as server:
        outcome = await try_once(server.url.replace("https:", "http:"))
    assert outcome.status is None
    assert outcome.error


@on_every_loop
async def test_a_connection_is_used_again_over_tls_too(pki: Pki) -> None:
    with Server(always(NO_CONTENT), tls=pki.serve()) as server:
        transport = DirectTransport(load_tls(Config(logs_url=server.url, ca_file=pki.ca_file)))
        for _ in range(3):
            assert await attempt(transport, make_request(server.url, b"." * 300_000), GUARD) == Reply(status=204)
        await transport.aclose()
        await server.until_all_gone()
    assert len(server.accepted) == 1


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"ca_file": "/no/such"}, "-ca-file '/no/such'"),
        ({"ca_file": "/"}, "-ca-file '/'"),
        ({"client_cert": "x" * 5000}, f"-client-cert '{'x' * 60}...'"),
        ({"client_cert": __file__, "client_key": "/no/such"}, "-client-key '/no/such'"),
        ({"ca_file": "https://drain.example/zq9secret"}, "-ca-file (not shown: it may hold a password)"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(settings: dict[str, str], text: str) -> None:
    files: dict[str, Any] = {name: Path(path) for name, path in settings.items()}
    with pytest.raises(ConfigError) as caught:
        load_tls(Config(logs_url="https://drain.example/", **files))
    assert str(caught.value) == f"{text}: must be a file that can be read"


def test_over_http_no_file_is_needed() -> None:
    assert load_tls(Config(logs_url="http://drain.example/", ca_file=Path("/no/such"))) is None


@pytest.mark.parametrize(
    "content", ["", "no certificate\n", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize("flag", ["-ca-file", "-client-cert"])
def test_a_file_without_a_certificate_is_an_error(flag: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.pem"
    path.write_text(content)
    settings: dict[str, Any] = {flag[1:].replace("-", "_"): path}
    with pytest.raises(ConfigError) as caught:
        load_tls(Config(logs_url="https://drain.example/", **settings))
    assert str(caught.value).startswith(f"{flag} {str(path)!r}: must hold ")
    assert "\n" not in str(caught.value)


def test_a_key_of_another_certificate_is_an_error(pki: Pki, tmp_path: Path) -> None:
    key = tmp_path / "other.key"
    trustme.CA().private_key_pem.write_to_path(key)
    with pytest.raises(ConfigError, match=r"^-client-cert '.*' -client-key '.*other.key': must hold "):
        load_tls(Config(logs_url="https://drain.example/", client_cert=pki.client_cert, client_key=key))


def test_a_certificate_without_its_key_is_an_error(pki: Pki) -> None:
    with pytest.raises(ConfigError, match=r"^-client-cert '.*': must hold a certificate and its key in PEM"):
        load_tls(Config(logs_url="https://drain.example/", client_cert=pki.client_cert))
