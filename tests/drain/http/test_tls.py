"""TLS: whom we trust, who we are, and what a user is told when either side refuses."""

import asyncio
import datetime
import ipaddress
import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from shuttle.config import Config
from shuttle.core.outcome import Reply
from shuttle.drain.http.failures import describe
from shuttle.drain.http.tls import load_tls
from shuttle.drain.http.transport import DirectTransport
from shuttle.errors import ConfigError
from shuttle.observe.log import SILENT
from tests.drain.http.test_transport import make_request
from tests.helpers.clients import attempt
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import GUARD, NO_CONTENT, Server, always
from tests.helpers.virtual import Journal

TRUST = "name the authority to trust with -ca-file; -skip-verify trusts anyone"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # what servers say to a TLS greeting
SCHEME = "check whether -logs-url is http: or https:, and its port"
TIMES = "check the dates of the drain's certificate, and the clock of this machine"
OWN = "check -client-cert and -client-key"

Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


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
    transport = DirectTransport(load_tls(Config(logs_url=url, **settings), SILENT))
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
    assert outcome.advice == "check the host of -logs-url: the drain's certificate must name it"


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
    assert outcome.advice == TIMES


@on_every_loop
async def test_a_certificate_of_the_future_is_refused(pki: Pki) -> None:
    future = datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC)
    with Server(always(NO_CONTENT), tls=pki.serve(not_before=future, not_after=future)) as server:
        outcome = await try_once(server.url, ca_file=pki.ca_file)
    assert outcome.error == "the drain's certificate is not trusted: certificate is not yet valid"
    assert outcome.advice == TIMES


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
@on_every_loop
async def test_a_drain_that_speaks_old_tls_gets_advice(pki: Pki) -> None:
    """It has nothing to do with the client's certificate."""
    context = pki.serve()
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Server(always(NO_CONTENT), tls=context) as server:
        outcome = await try_once(server.url, ca_file=pki.ca_file)
        await server.until(lambda: bool(server.refused))
    assert outcome.error == "TLS failed: TLSV1_ALERT_PROTOCOL_VERSION"
    assert outcome.advice == "the drain must speak TLS 1.2 or later"


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", OWN),
        ("TLSV1_ALERT_UNKNOWN_CA", OWN),
        ("UNSUPPORTED_PROTOCOL", "the drain must speak TLS 1.2 or later"),
        ("TLSV1_ALERT_INTERNAL_ERROR", ""),
        (
            "UNEXPECTED_EOF_WHILE_READING",
            "if it never worked, check whether -logs-url is http: or https:, and its port",
        ),
    ],
)
def test_a_failure_of_tls_gets_the_advice_that_fits(reason: str, advice: str) -> None:
    error = ssl.SSLError(1, "[SSL] it failed")
    error.reason = reason
    assert describe(error) == (f"TLS failed: {reason}", advice)


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
    assert outcome.error == "the drain does not speak TLS on this port"
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
        transport = DirectTransport(load_tls(Config(logs_url=server.url, ca_file=pki.ca_file), SILENT))
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
        load_tls(Config(logs_url="https://drain.example/", **files), SILENT)
    assert str(caught.value) == f"{text}: must be a file that can be read"


def test_over_http_no_file_is_needed() -> None:
    assert load_tls(Config(logs_url="http://drain.example/", ca_file=Path("/no/such")), SILENT) is None


@pytest.mark.parametrize(
    "content", ["", "no certificate\n", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize("flag", ["-ca-file", "-client-cert"])
def test_a_file_without_a_certificate_is_an_error(flag: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.pem"
    path.write_text(content)
    settings: dict[str, Any] = {flag[1:].replace("-", "_"): path}
    with pytest.raises(ConfigError) as caught:
        load_tls(Config(logs_url="https://drain.example/", **settings), SILENT)
    assert str(caught.value).startswith(f"{flag} {str(path)!r}: must hold ")
    assert "\n" not in str(caught.value)


def test_a_key_of_another_certificate_is_an_error(pki: Pki, tmp_path: Path) -> None:
    key = tmp_path / "other.key"
    trustme.CA().private_key_pem.write_to_path(key)
    with pytest.raises(ConfigError, match=r"^-client-cert '.*' -client-key '.*other.key': must hold "):
        load_tls(Config(logs_url="https://drain.example/", client_cert=pki.client_cert, client_key=key), SILENT)


def test_a_certificate_without_its_key_is_an_error(pki: Pki) -> None:
    with pytest.raises(ConfigError, match=r"^-client-cert '.*': must hold a certificate and its key in PEM"):
        load_tls(Config(logs_url="https://drain.example/", client_cert=pki.client_cert), SILENT)


def make_certificate(name: str, issuer: Signer | None, *, san: bool = True, authority: bool = False) -> Signer:
    """Return a certificate with its key. An authority has no key usage, as those of old tools have none."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    builder = builder.issuer_name(issuer[0].subject if issuer else subject).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if san and not authority:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def serve(folder: Path, chain: Sequence[Signer]) -> ssl.SSLContext:
    """Return a server's context with the first of `chain`, and the others behind it."""
    path = folder / "server.pem"
    key = chain[0][1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key + b"".join(certificate.public_bytes(Encoding.PEM) for certificate, _ in chain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


def write(folder: Path, signer: Signer) -> Path:
    path = folder / "trusted.pem"
    path.write_bytes(signer[0].public_bytes(Encoding.PEM))
    return path


@on_every_loop
async def test_an_authority_without_key_usage_is_trusted(tmp_path: Path) -> None:
    root = make_certificate("root", None, authority=True)
    with Server(always(NO_CONTENT), tls=serve(tmp_path, [make_certificate("drain", root)])) as server:
        assert (await try_once(server.url, ca_file=write(tmp_path, root))).status == 204


@on_every_loop
async def test_an_intermediate_authority_can_be_trusted(tmp_path: Path) -> None:
    root = make_certificate("root", None, authority=True)
    middle = make_certificate("middle", root, authority=True)
    with Server(always(NO_CONTENT), tls=serve(tmp_path, [make_certificate("drain", middle), middle])) as server:
        assert (await try_once(server.url, ca_file=write(tmp_path, middle))).status == 204


@on_every_loop
async def test_a_certificate_without_san_is_refused(tmp_path: Path) -> None:
    root = make_certificate("root", None, authority=True)
    with Server(always(NO_CONTENT), tls=serve(tmp_path, [make_certificate("127.0.0.1", root, san=False)])) as server:
        reply = await try_once(server.url, ca_file=write(tmp_path, root))
    assert reply.status is None
    assert "not trusted" in reply.error


def test_a_final_dot_is_for_dns_alone(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificate has it."""
    asked = []

    def look_up(host: str, port: int, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def main() -> None:
        with Server(always(NO_CONTENT), tls=pki.serve("drain.example")) as server:
            url = server.url.replace("127.0.0.1", "drain.example.")
            assert (await try_once(url, ca_file=pki.ca_file)).status == 204

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    asyncio.run(main())
    assert asked == ["drain.example."]


@pytest.mark.parametrize("directories", [("/no/such", "real"), ("real", "empty"), ("empty", "real")])
@on_every_loop
async def test_several_directories_of_authorities_are_looked_through(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directories: tuple[str, str]
) -> None:
    for name in ("real", "empty"):
        (tmp_path / name).mkdir(exist_ok=True)
    shutil.copy(pki.ca_file, tmp_path / "real" / "ca.pem")
    subprocess.run(["openssl", "rehash", str(tmp_path / "real")], check=True)  # noqa: ASYNC221  # nothing else runs
    monkeypatch.setenv("SSL_CERT_DIR", ":".join(str(tmp_path / name) for name in directories))
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such")
    with Server(always(NO_CONTENT), tls=pki.serve()) as server:
        assert (await try_once(server.url)).status == 204


@on_every_loop
async def test_a_replaced_client_certificate_is_read_again(pki: Pki, tmp_path: Path) -> None:
    """While it is broken, the one from before is used."""
    path, journal = tmp_path / "client.pem", Journal()
    shutil.copy(pki.client_both, path)
    with Server(always(NO_CONTENT), tls=pki.serve(ask_for_client=True)) as server:
        tls = load_tls(Config(logs_url=server.url, ca_file=pki.ca_file, client_cert=path), journal)
        assert tls
        first = tls.context
        assert tls.context is first
        path.write_text("half of it")
        assert tls.context is first
        assert str(path) in str(journal.named("tls.unchanged")[0]["error"])
        shutil.copy(pki.client_both, tmp_path / "new.pem")
        (tmp_path / "new.pem").replace(path)
        assert tls.context is not first
        assert journal.named("tls.changed")
        transport = DirectTransport(tls)
        assert (await attempt(transport, make_request(server.url), GUARD)).status == 204
        await transport.aclose()


def test_skip_verify_is_logged_at_start() -> None:
    journal = Journal()
    load_tls(Config(logs_url="https://drain.example/", skip_verify=True), journal)
    assert len(journal.named("tls.unverified")) == 1
