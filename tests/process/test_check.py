"""`log-shuttle -check` says line by line what works and what does not, and changes nothing."""

import datetime
import importlib.util
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.name_server import run_beside_silent_name_server
from tests.helpers.process import COMMAND, LONGEST, clean_environ, find_closed_port, run, start
from tests.helpers.sockets import Server, always, hang, has_ipv6, tunnel
from tests.store.test_inspection import unchanged

pytestmark = pytest.mark.process

LINE = f"log-shuttle -check from {socket.gethostname()}\n".encode()
PASSWORD = "hunter2secret"
OFFLINE = ("-check=offline", "-logs-url", "http://drain.example/")


class Finding(NamedTuple):
    state: str
    topic: str
    text: str


class Checked(NamedTuple):
    code: int
    findings: list[Finding]

    def find(self, topic: str) -> list[tuple[str, str]]:
        return [(each.state, each.text) for each in self.findings if each.topic == topic]

    def find_one(self, topic: str) -> tuple[str, str]:
        (found,) = self.find(topic)
        return found

    @property
    def failed(self) -> list[str]:
        return [each.topic for each in self.findings if each.state == "fail"]


def check(*flags: str, **environ: str) -> Checked:
    """Run the command and return what it found. It says nothing else, and shows no password."""
    ended = run(*flags, environ=environ)
    assert ended.err == ""
    assert PASSWORD not in ended.out
    findings = [Finding(line[:5].strip(), line[6:17].strip(), line[18:]) for line in ended.out.splitlines()]
    assert {each.state for each in findings} <= {"ok", "warn", "fail", "skip"}
    assert all(line.isprintable() for line in ended.out.splitlines())
    assert ended.code == any(each.state == "fail" for each in findings), ended.out
    return Checked(ended.code, findings)


def with_password(url: str) -> str:
    return url.replace("://", f"://bob:{PASSWORD}@")


def test_a_drain_that_works_gets_one_line_in_one_request() -> None:
    with LocalDrain(Behaviour(auth=f"bob:{PASSWORD}")) as drain:
        found = check("-check", "-logs-url", with_password(drain.url))
    assert found.code == 0
    assert found.failed == []
    assert drain.messages == [LINE]
    assert drain.counts.requests == 1
    assert found.find_one("drain") == ("ok", drain.url.rstrip("/"))
    assert found.find_one("resolve")[0] == "ok"
    assert found.find_one("resolve")[1].startswith("127.0.0.1 (")
    assert found.find_one("connect")[0] == "ok"
    assert found.find_one("tls") == ("skip", "not used: -logs-url is http:")
    state, text = found.find_one("request")
    assert state == "ok"
    assert text.startswith("204 No Content (")
    assert text.endswith(" ms)")


def test_nothing_is_read_from_stdin() -> None:
    """What stands in the pipe is there for whoever reads it next."""
    reader, writer = os.pipe()
    os.write(writer, b"still here")
    os.close(writer)
    with LocalDrain() as drain:
        done = subprocess.run(
            [*COMMAND, "-check", "-logs-url", drain.url],
            check=False,
            stdin=reader,
            capture_output=True,
            env=clean_environ(),
        )
    assert done.returncode == 0
    assert os.read(reader, 100) == b"still here"
    os.close(reader)
    assert drain.messages == [LINE]


def test_nothing_on_the_disk_changes(tmp_path: Path) -> None:
    spool, state = tmp_path / "spool", tmp_path / "state"
    (tmp_path / "app.log").write_text("one\ntwo\n")
    files = ("-file", str(tmp_path / "*.log"), "-state-dir", str(state), "-from", "beginning")
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, "-spool", str(spool), data=b"line\n").code == 0
        assert run("-logs-url", drain.url, *files, "-follow=false").code == 0
        drain.exchanges.clear()
        with unchanged(tmp_path):
            spooled = check("-check", "-logs-url", drain.url, "-spool", str(spool))
            followed = check("-check", "-logs-url", drain.url, *files)
            new = check("-check", "-logs-url", drain.url, "-spool", str(tmp_path / "new" / "spool"))
    assert drain.messages == [LINE] * 3
    assert spooled.find_one("spool") == ("ok", f"{spool}: can be written")
    assert followed.find_one("state") == ("ok", f"{state}: can be written")
    assert new.find_one("spool") == ("ok", f"{tmp_path}/new/spool: will be created at the start, in {tmp_path}")
    assert (spooled.code, followed.code, new.code) == (0, 0, 0)


def test_offline_stops_before_the_network(tmp_path: Path) -> None:
    with LocalDrain() as drain:
        found = check("-check=offline", "-logs-url", drain.url)
        variable = check("-logs-url", drain.url, LOG_SHUTTLE_CHECK="offline")
    assert drain.counts.requests == 0
    assert found.code == variable.code == 0
    assert found.findings[-1] == ("skip", "network", "-check=offline stops before it")
    assert variable.findings[-1].topic == "network"


@pytest.mark.parametrize("word", ["false", "0", ""])
def test_a_check_can_be_switched_off(word: str) -> None:
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, data=b"line\n", environ={"LOG_SHUTTLE_CHECK": word})
    assert (ended.code, ended.out) == (0, "")
    assert drain.messages == [b"line\n"]


def test_each_setting_is_shown_with_its_source(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(PASSWORD)
    found = check(
        *("-check=offline", "-batch-bytes", "64KiB", "-drop=false", "-logplex-token", "shop", "-max-age", "1m30s"),
        *("-bearer-token-file", str(tmp_path / "token"), "-skip-headers", "-wait", "0"),
        LOGS_URL=with_password("https://drain.example/"),
        LOG_SHUTTLE_BATCH_SIZE="0x10",
    )
    assert [text for _, text in found.find("setting")] == [
        "-skip-headers is deprecated: use -input-format rfc5424",
        "-logs-url ***, from LOGS_URL",
        f"-bearer-token-file {tmp_path}/token, from the command line",
        "-input-format rfc5424, from -skip-headers",
        "-batch-size 16, from LOG_SHUTTLE_BATCH_SIZE",
        "-batch-bytes 64KiB, from the command line",
        "-wait 0, from the command line",
        "-drop=false, from the command line",
        "-max-age 1.5m, from the command line",
        "-appname shop, from -logplex-token",
        "all others have their defaults",
    ]


def test_what_has_no_effect_is_a_warning() -> None:
    found = check(*OFFLINE, "-front-buff", "3", "-state-dir", "/x", LOG_SHUTTLE_DROPP="1")
    assert found.code == 0
    assert [text for state, text in found.find("setting") if state == "warn"] == [
        "-front-buff has no effect: remove it",
        "LOG_SHUTTLE_DROPP sets nothing: did you mean LOG_SHUTTLE_DROP?",
        "-state-dir has no effect without -file",
    ]


@pytest.mark.parametrize(
    ("flags", "environ", "text"),
    [
        (("-wait", "-1s"), {}, "-wait -1.0: must be 0 or more"),
        ((), {"LOG_SHUTTLE_BATCH_SIZE": "0"}, "LOG_SHUTTLE_BATCH_SIZE 0: must be 1 or more"),
        ((), {"LOG_SHUTTLE_WAIT": "3"}, "LOG_SHUTTLE_WAIT '3': must be a duration"),
        (("-logs-url-file", "/no/such"), {}, "-logs-url-file '/no/such': cannot be read: No such file"),
        (("-logs-url", f"ftp://bob:{PASSWORD}@h/"), {}, "-logs-url has no http or https scheme"),
        ((), {}, "no drain: give -logs-url"),
        (("-file", "/x", "-logs-url", "http://h/", "--", "cat"), {}, "-file '/x': cannot be combined with --"),
    ],
)
def test_a_configuration_that_cannot_be_used_fails(flags: tuple[str, ...], environ: dict[str, str], text: str) -> None:
    found = check("-check", *flags, **environ)
    assert found.code == 1
    (said,) = (each.text for each in found.findings if each.state == "fail")
    assert said.startswith(text)
    assert found.findings[-1].state == "skip"


@pytest.mark.parametrize("flags", [("-check=maybe",), ("-check", "-wiat")])
def test_a_command_line_that_cannot_be_read_is_no_check(flags: tuple[str, ...]) -> None:
    ended = run(*flags)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1


def test_a_password_in_the_wrong_place_is_masked(tmp_path: Path) -> None:
    """Nor is one shown that a drain quotes, or a file has."""
    (tmp_path / "url").write_text(with_password("http://drain.example/"))
    check("-check=offline", "-logs-url-file", str(tmp_path / "url"), "-appname", PASSWORD)
    check("-check=offline", "-ca-file", with_password("http://drain.example/"), "-procid", with_password("x://h"))
    quoting = f"HTTP/1.1 401 Unauthorized\r\nContent-Length: {len(PASSWORD) + 9}\r\n\r\n\x1b]0;who {PASSWORD}"
    with Server(always(quoting.encode())) as server:
        found = check("-check", "-logs-url", with_password(server.url))
    assert found.find_one("request")[1].startswith(r"401 Unauthorized: \x1b]0;who ***; check the user and password in")


def test_a_port_where_nobody_listens_fails() -> None:
    found = check("-check", "-logs-url", f"http://127.0.0.1:{find_closed_port()}/")
    assert found.failed == ["connect"]
    assert found.find_one("resolve")[0] == "ok"
    assert found.find_one("connect")[1].startswith("connection refused; check host and port of -logs-url")
    assert found.find_one("request") == ("skip", "needs connect")


def test_a_name_that_nobody_knows_fails() -> None:
    found = check("-check", "-logs-url", "https://no.such.host.invalid/")
    assert found.failed == ["resolve"]
    assert found.find_one("resolve")[1].startswith("the drain's host name is not known: ")
    assert [state for topic in ("connect", "tls", "request") for state, _ in found.find(topic)] == ["skip"] * 3


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 500, 503, 301])
def test_a_drain_that_refuses_is_asked_once(status: int) -> None:
    with LocalDrain(Behaviour(status=status, retry_after=1)) as drain:
        found = check("-check", "-logs-url", drain.url)
    assert found.failed == ["request"]
    assert found.find_one("request")[1].startswith(f"{status} ")
    assert drain.counts.requests == 1


def test_the_advice_is_that_of_the_log() -> None:
    with LocalDrain(Behaviour(auth="bob:other")) as drain:
        found = check("-check", "-logs-url", drain.url)
    assert "check the user and password in -logs-url, or -bearer-token" in found.find_one("request")[1]


def test_a_drain_that_says_nothing_fails_in_time() -> None:
    with Server(hang) as server:
        found = check("-check", "-logs-url", server.url, "-timeout", "200ms")
    assert found.failed == ["request"]
    assert found.find_one("request")[1] == "no answer within 0.2s; a slow drain may need a longer -timeout"


def test_a_handshake_without_an_answer_fails_in_time() -> None:
    with Server(hang) as server:
        found = check("-check", "-logs-url", server.url.replace("http:", "https:"), "-timeout", "200ms")
    assert found.failed == ["tls"]
    assert found.find_one("tls")[1].startswith("nothing within 0.2s; ")


class Pki(NamedTuple):
    authority: trustme.CA
    file: Path

    def serve(self, folder: Path, *, ends: datetime.datetime, begins: datetime.datetime | None = None) -> Behaviour:
        certificate = self.authority.issue_cert("127.0.0.1", not_before=begins, not_after=ends)
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
        return Behaviour(cert=folder / "both.pem")


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    authority = trustme.CA(organization_name="Shop CA")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return Pki(authority, tmp_path / "ca.pem")


def in_days(days: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)


def test_tls_shows_version_issuer_and_days(pki: Pki, tmp_path: Path) -> None:
    with LocalDrain(pki.serve(tmp_path, ends=in_days(100.5))) as drain:
        found = check("-check", "-logs-url", drain.url, "-ca-file", str(pki.file))
    assert found.code == 0
    state, text = found.find_one("tls")
    assert state == "ok"
    assert text.startswith("TLSv1.3, certificate issued by Shop CA, 100 days left (")
    assert found.find_one("trust") == ("ok", f"the certificates in {pki.file}")
    assert drain.messages == [LINE]


def test_a_certificate_that_ends_soon_is_a_warning(pki: Pki, tmp_path: Path) -> None:
    with LocalDrain(pki.serve(tmp_path, ends=in_days(9.5))) as drain:
        found = check("-check", "-logs-url", drain.url, "-ca-file", str(pki.file))
    assert found.code == 0
    assert found.find_one("tls")[0] == "warn"
    assert "9 days left" in found.find_one("tls")[1]


def test_a_certificate_that_has_ended_or_is_not_trusted_fails(pki: Pki, tmp_path: Path) -> None:
    with LocalDrain(pki.serve(tmp_path, begins=in_days(-3), ends=in_days(-1))) as drain:
        ended = check("-check", "-logs-url", drain.url, "-ca-file", str(pki.file))
        unknown = check("-check", "-logs-url", drain.url)
        unverified = check("-check", "-logs-url", drain.url, "-skip-verify")
    assert ended.failed == unknown.failed == ["tls"]
    assert "certificate has expired" in ended.find_one("tls")[1]
    assert "name the authority to trust with -ca-file" in unknown.find_one("tls")[1]
    assert unverified.code == 0
    assert unverified.find_one("trust")[0] == "warn"
    assert unverified.find_one("tls")[1].startswith("TLSv1.3, certificate not looked at (")
    assert drain.messages == [LINE]


@pytest.mark.parametrize(
    ("name", "state", "text"),
    [
        ("ca.pem", "ok", "the certificates in {}/ca.pem, from SSL_CERT_FILE"),
        ("gone", "warn", "{}/gone: No such file or directory: SSL_CERT_FILE must name a file that holds certificates"),
        ("junk", "warn", "{}/junk: "),
    ],
)
@pytest.mark.usefixtures("pki")
def test_the_variable_that_says_whom_to_trust_is_named(name: str, state: str, text: str, tmp_path: Path) -> None:
    """The other one is set, too: nobody knows what the system has there."""
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "empty").mkdir()
    environ = {"SSL_CERT_FILE": str(tmp_path / name), "SSL_CERT_DIR": str(tmp_path / "empty")}
    found = check("-check=offline", "-logs-url", "https://drain.example/", **environ)
    assert found.code == 0
    assert found.find_one("trust")[0] == state
    assert found.find_one("trust")[1].startswith(text.format(tmp_path))


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"HTTPS_PROXY": "h:1"}, "http://h:1, from HTTPS_PROXY"),
        ({"HTTPS_PROXY": "h:1", "https_proxy": "i:1"}, "http://i:1, from https_proxy"),
        ({"all_proxy": "h:1"}, "http://h:1, from all_proxy"),
        (
            {"all_proxy": "h:1", "NO_PROXY": "drain.example"},
            "none, though all_proxy names one: NO_PROXY excludes the drain",
        ),
    ],
)
def test_the_variable_that_names_the_proxy_is_named(environ: dict[str, str], text: str) -> None:
    found = check("-check=offline", "-logs-url", "https://drain.example/", **environ)
    assert found.find("proxy") == [("ok", text)]


def test_a_file_of_authorities_that_is_none_fails_offline(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    found = check("-check=offline", "-logs-url", "https://drain.example/", "-ca-file", str(tmp_path / "ca.pem"))
    assert found.failed == ["trust"]
    assert "must hold certificates in PEM" in found.find_one("trust")[1]


def test_a_drain_without_tls_is_told() -> None:
    with LocalDrain() as drain:
        found = check("-check", "-logs-url", drain.url.replace("http:", "https:"))
    assert found.failed == ["tls"]
    assert found.find_one("tls")[1].startswith("the drain does not speak TLS on this port; ")


def test_the_way_leads_through_a_proxy(pki: Pki) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    pki.authority.issue_cert("drain.invalid").configure_cert(context)
    answer = always(b"HTTP/1.1 204 No Content\r\n\r\n")
    with Server(tunnel(context, answer)) as server:
        proxy = with_password(f"http://127.0.0.1:{server.port}")
        found = check("-check", "-logs-url", "https://drain.invalid/", "-ca-file", str(pki.file), https_proxy=proxy)
    assert found.code == 0
    assert found.find_one("proxy") == ("ok", f"http://127.0.0.1:{server.port}, from https_proxy")
    assert "certificate issued by Shop CA" in found.find_one("tls")[1]
    assert found.find_one("request")[0] == "ok"


def test_an_http_drain_is_asked_through_its_proxy() -> None:
    with Server(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        found = check("-check", "-logs-url", "http://drain.invalid/", http_proxy=f"127.0.0.1:{server.port}")
    assert found.code == 0
    assert found.find_one("connect")[1].startswith(f"127.0.0.1 port {server.port}, the proxy (")
    assert [request.line for request in server.requests] == ["POST http://drain.invalid/ HTTP/1.1"]


without_socks = pytest.mark.skipif(importlib.util.find_spec("socksio") is not None, reason="the package is here")


@pytest.mark.parametrize(
    ("topic", "flags", "environ"),
    [
        ("setting", ("-batch-size", "0"), {}),
        ("setting", (), {"LOG_SHUTTLE_WAIT": "3"}),
        ("setting", ("-bearer-token-file", "/no/such"), {}),
        ("setting", ("-file", "/x", "--", "cat"), {}),
        ("trust", ("-ca-file", "/no/such"), {}),
        ("trust", ("-client-cert", __file__), {}),
        ("proxy", (), {"https_proxy": "ftp://x"}),
        pytest.param("proxy", (), {"all_proxy": "socks5://127.0.0.1:1"}, marks=without_socks),
        ("spool", ("-spool", "/tmp"), {}),
        ("spool", ("-spool", "/etc/passwd/x"), {}),
        ("state", ("-file", "/x", "-state-dir", "/tmp"), {}),
    ],
)
def test_what_stops_the_start_fails_in_the_same_words(
    topic: str, flags: tuple[str, ...], environ: dict[str, str]
) -> None:
    flags = ("-logs-url", "https://drain.invalid/", "-land-timeout", "100ms", *flags)
    found = check("-check=offline", *flags, **environ)
    meant = run(*flags, environ=environ)
    assert found.failed == [topic]
    (text,) = (each.text for each in found.findings if each.state == "fail")
    assert (meant.code, meant.err.splitlines()[-1]) == (1, f"log-shuttle: {text}")


def test_a_proxy_that_refuses_is_named() -> None:
    with Server(always(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        found = check("-check", "-logs-url", "https://drain.invalid/", https_proxy=proxy)
        odd = check("-check=offline", "-logs-url", "https://drain.invalid/", https_proxy="ftp://x")
    assert found.failed == ["connect"]
    assert found.find_one("connect")[1].startswith("the proxy refused: 403 Forbidden")
    assert odd.failed == ["proxy"]


def test_a_directory_that_is_in_use_fails(tmp_path: Path) -> None:
    with LocalDrain() as drain, start("-logs-url", drain.url, "-spool", str(tmp_path / "spool")) as agent:
        agent.stdin.write(b"line\n")
        agent.stdin.flush()
        assert drain.wait_for(messages=1)
        found = check("-check", "-logs-url", drain.url, "-spool", str(tmp_path / "spool"))
        ended = agent.finish(b"more\n")
    assert found.failed == ["spool"]
    assert "is in use by another log-shuttle" in found.find_one("spool")[1]
    assert (ended.code, ended.err) == (0, "")
    assert drain.messages == [b"line\n", LINE, b"more\n"]


def test_a_spool_that_was_written_over_is_a_warning(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    url = f"http://127.0.0.1:{find_closed_port()}/"
    assert run("-logs-url", url, "-spool", str(spool), "-land-timeout", "0s", data=b"line\n" * 100).code == 4
    assert check(*OFFLINE, "-spool", str(spool)).find_one("spool") == ("ok", f"{spool}: can be written")
    data = (spool / "spool.sqlite").read_bytes()
    (spool / "spool.sqlite").write_bytes(data.replace(b"line\n", b"lime\n"))
    with unchanged(tmp_path):
        found = check(*OFFLINE, "-spool", str(spool))
    assert found.code == 0
    assert found.find("spool")[1] == (
        "warn",
        f"{spool}: spool.sqlite: a row is not what was written; the start continues with what can be read of it",
    )


def test_a_directory_that_others_can_write_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    found = check(*OFFLINE, "-spool", str(tmp_path))
    assert found.failed == ["spool"]
    assert "others can write to it: its mode is 0777" in found.find_one("spool")[1]


def test_a_disk_with_less_room_than_the_spool_may_take_is_a_warning(tmp_path: Path) -> None:
    found = check(*OFFLINE, "-spool", str(tmp_path / "spool"), "-spool-bytes", "8388607G")
    assert found.code == 0
    assert [state for state, _ in found.find("spool")] == ["ok", "warn"]
    assert "less than -spool-bytes" in found.find("spool")[1][1]


def test_followed_files_are_counted_and_the_others_named(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.log").touch()
    (tmp_path / "dir.log").mkdir()
    (tmp_path / "0.log.1").touch()
    (tmp_path / "null.log").symlink_to("/dev/null")
    pattern = str(tmp_path / "*.log")
    found = check(*OFFLINE, "-file", pattern, "-file", str(tmp_path / "new"), "-file", str(tmp_path / "*.none"))
    assert found.code == 0
    assert found.find("file") == [
        ("ok", f"7 can be read: {', '.join(str(tmp_path / f'{n}.log') for n in range(5))} and 2 more"),
        ("warn", f"{tmp_path}/null.log: it is a device or a socket"),
        ("warn", f"{tmp_path}/dir.log: is a directory, which is not read"),
        ("warn", f"{tmp_path}/new: does not exist"),
        ("warn", f"{tmp_path}/*.none: nothing matches"),
    ]
    replay = check(*OFFLINE, "-file", str(tmp_path / "new"), "-file", str(tmp_path / "*.none"), "-follow=false")
    assert replay.failed == ["file", "file"]


@pytest.mark.parametrize(
    ("command", "state", "text"),
    [
        ((sys.executable, "-c", "raise SystemExit"), "ok", f"{sys.executable} can be started"),
        (("no-such-program",), "fail", "no-such-program: not found in PATH, or not a program"),
        (("/etc/passwd",), "fail", "/etc/passwd: not found, or not a program"),
    ],
)
def test_a_program_is_looked_up_and_not_started(command: tuple[str, ...], state: str, text: str) -> None:
    found = check(*OFFLINE, "--", *command)
    assert found.find_one("program") == (state, text)


def test_a_program_whose_interpreter_is_missing_fails(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nonexistent/interp\n")
    script.chmod(0o755)
    found = check(*OFFLINE, "--", str(script))
    assert found.find_one("program") == (
        "fail",
        f"{script}: its interpreter '/nonexistent/interp' is missing, or not a program",
    )
    assert run("-logs-url", "http://drain.example/", "--", str(script)).code == 127


def test_a_signal_ends_it() -> None:
    with Server(hang) as server:
        command = [*COMMAND, "-check", "-logs-url", server.url, "-timeout", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environ()) as process:
            assert process.stdout
            while b" connect " not in process.stdout.readline():
                pass
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONGEST) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        (">&-", b""),
        (">/dev/full", b"log-shuttle: stdout: No space left on device\n"),
        ("<&- >&- 2>&-", b""),
        ("| true", b""),
    ],
)
def test_a_closed_or_full_stdout_changes_no_exit_code(redirection: str, said: bytes) -> None:
    command = f"exec {sys.executable} -m shuttle -check=offline -logs-url http://h/ {redirection}"
    done = subprocess.run(command, check=False, shell=True, env=clean_environ(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, said)


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
def test_an_address_of_ipv6_is_reached() -> None:
    with Server(always(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), host="::1") as server:
        found = check("-check", "-logs-url", server.url)
    assert found.code == 0
    assert found.find_one("resolve")[1].startswith("::1 (")
    assert found.find_one("request")[1].startswith("200 OK (")


def test_a_name_server_that_says_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The system's own time-out is minutes here."""
    flags = ("-check", "-logs-url", "http://drain.example/", "-timeout", "200ms")
    done = run_beside_silent_name_server(tmp_path, *flags)
    assert "fail  resolve     nothing within 0.2s; check the name servers of this machine" in done.stdout
    assert done.returncode == 1
