"""What SSL_CERT_FILE and SSL_CERT_DIR name: nothing of it holds the start up, nor is it passed over in silence."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from shuttle.config import Config
from shuttle.drain.http.authorities import MOST_BYTES, list_authorities
from shuttle.drain.http.tls import load_tls
from shuttle.errors import ConfigError
from tests.helpers.virtual import Journal

CONFIG = Config(logs_url="https://drain.example/")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(path.parent)
        listening.bind(path.name)


def make_large(path: Path) -> None:
    path.touch()
    os.truncate(path, MOST_BYTES + 1)


ENDLESS: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "null": lambda path: path.symlink_to("/dev/null"),
    "socket": make_socket,
    "large": make_large,
}


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Journal:
    """Be in the directory, without variables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return Journal()


@pytest.mark.parametrize("make", ENDLESS.values(), ids=ENDLESS)
def test_a_file_that_may_have_no_end_is_an_error(
    make: Callable[[Path], object], journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "it")
    monkeypatch.setenv("SSL_CERT_FILE", "it")
    with pytest.raises(ConfigError) as caught:
        load_tls(CONFIG, journal)
    assert str(caught.value) == "SSL_CERT_FILE 'it': must be a regular file of 16 MiB at most"


@pytest.mark.parametrize("make", ENDLESS.values(), ids=ENDLESS)
def test_a_file_that_may_have_no_end_in_a_directory_is_an_error(
    make: Callable[[Path], object], journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some").mkdir()
    make(tmp_path / "some" / "0123abcd.0")
    monkeypatch.setenv("SSL_CERT_DIR", f"/no/such:{tmp_path}/some")
    with pytest.raises(ConfigError, match=r"^SSL_CERT_DIR '.*0123abcd\.0'|^SSL_CERT_DIR '.*\.\.\.': must be a regular"):
        load_tls(CONFIG, journal)


def test_what_openssl_does_not_open_may_be_in_a_directory(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "0123abcd.0").mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert load_tls(CONFIG, journal)
    assert not journal.events


def make_key(path: Path) -> None:
    trustme.CA().private_key_pem.write_to_path(path)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("", Path),
        ("missing", Path),
        ("directory", Path.mkdir),
        ("empty", Path.touch),
        ("key", make_key),
        ("a\nb", Path),
        ("x" * 5000, Path),
    ],
    ids=lambda value: value[:10] if isinstance(value, str) else "",
)
def test_a_file_without_authorities_is_told_of(
    name: str, make: Callable[[Path], object], journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / name)
    monkeypatch.setenv("SSL_CERT_FILE", name)
    assert load_tls(CONFIG, journal)
    [told] = journal.named("tls.unread")
    assert told["file"] == name
    assert "SSL_CERT_FILE" in str(told["advice"])
    assert told["error"]


def test_a_file_of_authorities_is_told_of_to_nobody(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", "ca.pem")
    tls = load_tls(CONFIG, journal)
    assert tls
    assert len(tls.context.get_ca_certs()) == 1
    assert not journal.events


def test_a_file_that_the_flag_replaces_is_not_looked_at(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setenv("SSL_CERT_FILE", "fifo")
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert load_tls(Config(logs_url="https://drain.example/", ca_file=Path("ca.pem")), journal)
    assert not journal.events


def test_a_variable_replaces_the_file_or_the_directory_of_the_system(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journal
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "empty").mkdir()
    (tmp_path / "hashed").mkdir()
    (tmp_path / "hashed" / "002c0b4f.0").touch()
    own = list(list_authorities())
    assert not any(each.variable for each in own)
    monkeypatch.setenv("SSL_CERT_FILE", "ca.pem")
    first, *others = list_authorities()
    assert first == ("ca.pem", "SSL_CERT_FILE")
    assert not any(each.variable for each in others)
    monkeypatch.setenv("SSL_CERT_DIR", "empty:hashed:gone")
    assert list(list_authorities()) == [("ca.pem", "SSL_CERT_FILE"), ("hashed", "SSL_CERT_DIR")]
    monkeypatch.setenv("SSL_CERT_FILE", "gone")
    assert list(list_authorities()) == [("hashed", "SSL_CERT_DIR")]
