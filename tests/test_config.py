"""The Config's rules: what each setting accepts, and what the error of a violation tells."""

import math
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from shuttle.config import MAX_AGE, MIN_BACK_BYTES, MIN_BATCH_BYTES, MIN_SPOOL_BYTES, SETTINGS, Config
from shuttle.core.rule import LONGEST_MSGID
from shuttle.core.setting import check_setting, name_flag
from shuttle.errors import ConfigError

URL = "https://token:zq9secret@drain.example/zq9secret"


def make(**settings: Any) -> Config:
    return Config(**({"logs_url": URL} | settings))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"input_format": "json"}, "-input-format 'json': must be one of raw, rfc5424, lprfc5424"),
        ({"batch_size": 0}, "-batch-size 0: must be 1 or more"),
        ({"batch_size": -5}, "-batch-size -5: must be 1 or more"),
        ({"batch_bytes": MIN_BATCH_BYTES - 1}, "-batch-bytes 16383: must be 16384 or more"),
        ({"wait": -0.1}, "-wait -0.1: must be 0 or more"),
        ({"wait": math.nan}, "-wait nan: must be 0 or more"),
        ({"back_bytes": MIN_BACK_BYTES - 1}, "-back-bytes 65535: must be 65536 or more"),
        ({"back_buff": 0}, "-back-buff 0: must be 1 or more"),
        ({"spool_bytes": MIN_SPOOL_BYTES - 1}, "-spool-bytes 1048575: must be 1048576 or more"),
        ({"spool": Path("x"), "file": ("y",)}, "-spool 'x': cannot be combined with -file: files hold their lines"),
        ({"patience": -1.0}, "-patience -1.0: must be 0 or more"),
        ({"num_outlets": 0}, "-num-outlets 0: must be from 1 to 1000"),
        ({"num_outlets": 1001}, "-num-outlets 1001: must be from 1 to 1000"),
        ({"timeout": -1.0}, "-timeout -1.0: must be 0 (no limit) or more"),
        ({"max_attempts": 0}, "-max-attempts 0: must be 1 or more"),
        ({"max_age": -1.0}, "-max-age -1.0: must be 0 or more"),
        ({"land_timeout": -1.0}, "-land-timeout -1.0: must be 0 or more"),
        ({"max_line_length": 0}, "-max-line-length 0: must be 1 or more"),
        ({"prival": "192"}, "-prival '192': must be a number from 0 to 191 (RFC 5424, 6.2.1)"),
        ({"syslog_version": "0"}, "-syslog-version '0': must be a number from 1 to 999 (RFC 5424, 6.2.2)"),
        ({"hostname": "a b"}, "-hostname 'a b': must be 1 to 255 printable ASCII characters without spaces"),
        ({"appname": ""}, "-appname '': must be 1 to 48 printable ASCII characters without spaces"),
        ({"procid": "\n"}, r"-procid '\n': must be 1 to 128 printable ASCII characters without spaces"),
        (
            {"msgid": "- - -"},
            "-msgid '- - -': must be 1 to 32 printable ASCII characters, then ' -' or structured data",
        ),
        ({"bearer_token": "zq9secret\n"}, "-bearer-token (not shown): must be printable ASCII"),
        ({"drain_token": "zq9secrét"}, "-drain-token (not shown): must be printable ASCII"),
        ({"bearer_token": " zq9secret"}, "-bearer-token (not shown): must be printable ASCII"),
        ({"client_key": Path("/k")}, "-client-key '/k': needs -client-cert with its certificate"),
        ({"kinesis_shards": 0}, "-kinesis-shards 0: must be 1 or more"),
        ({"stats_format": "json"}, "-stats-format 'json': must be go or l2met"),
        ({"stats_interval": -1.0}, "-stats-interval -1.0: must be 0 or more"),
        ({"input_format": URL}, "-input-format (not shown: it may hold a password): must be one of raw"),
        (
            {"client_key": Path("https://drain.example/zq9secret")},
            "-client-key (not shown: it may hold a password): needs -client-cert",
        ),
        ({"appname": URL + "/logs"}, "-appname (not shown: it may hold a password): must be 1 to 48"),
        ({"logs_url": ""}, "no drain: give -logs-url"),
        ({"logs_url": "ftp://u:zq9secret@h"}, "-logs-url has no http or https scheme"),
    ],
)
def test_a_violation_is_one_line_with_flag_and_value(settings: dict[str, Any], text: str) -> None:
    """The line says what is accepted."""
    with pytest.raises(ConfigError) as caught:
        make(**settings)
    assert str(caught.value).startswith(text)
    assert str(caught.value).isprintable()
    assert "zq9" not in str(caught.value)


def test_a_config_opens_no_file() -> None:
    nowhere = Path("/no/such/file")
    config = make(ca_file=nowhere, client_cert=nowhere, client_key=nowhere, state_dir=nowhere)
    assert config.client_key == nowhere


@pytest.mark.parametrize(("name", "longest"), [("hostname", 255), ("appname", 48), ("procid", 128), ("msgid", 32)])
def test_a_header_field_is_printable_ascii_of_limited_length(name: str, longest: int) -> None:
    """The limit is RFC 5424's."""
    printable = "".join(map(chr, range(0x21, 0x7F)))
    for start in range(0, len(printable), longest):
        make(**{name: printable[start : start + longest]})
    make(**{name: "x" * longest})
    for value in ("", "x" * (longest + 1), "a b c", "a\x7f", "a\x00", "é", "a\n", " a", "a\udc80"):
        with pytest.raises(ConfigError, match=name_flag(name)):
            make(**{name: value})


@pytest.mark.parametrize(
    "msgid",
    [
        "-",
        "- -",
        "ID47",
        "ID47 -",
        'ID47 [x@1 a="b"]',
        'ID47 [x@1 a="b" c="d e"][y]',
        r'- [x a="\"\\\]"]',
        '- [x a=""]',
        "- [x" + ' a="' + "y" * (LONGEST_MSGID - 10) + '"]',
    ],
)
def test_structured_data_may_follow_the_msgid(msgid: str) -> None:
    assert make(msgid=msgid).msgid == msgid


@pytest.mark.parametrize(
    "msgid",
    [
        "a b",
        "- ",
        " -",
        "-  -",
        "- [",
        "- []",
        "- [x",
        "- [x a]",
        "- [x a=b]",
        '- [x a="b]',
        '- [x a="]"]',
        '- [x a="""]',
        '- [x  a="b"]',
        '- [x a="b"] [y]',
        '- [x a="\n"]',
        '- [x a="\\\n"]',
        '- [x a="é"]',
        '- [x\t a="b"]',
        f"- [{'x' * 33}]",
        "- [x" + ' a="' + "y" * LONGEST_MSGID + '"]',
    ],
)
def test_a_msgid_that_would_break_a_frame_is_refused(msgid: str) -> None:
    with pytest.raises(ConfigError, match="-msgid"):
        make(msgid=msgid)


def test_prival_is_from_0_to_191_without_leading_zeros() -> None:
    for prival in range(192):
        assert make(prival=str(prival)).prival == str(prival)
    for wrong in ("192", "200", "999", "1000", "-1", "007", "", "1 ", "x", "٣"):
        with pytest.raises(ConfigError, match="-prival"):
            make(prival=wrong)


def test_the_syslog_version_is_from_1_to_999() -> None:
    for version in ("1", "10", "999"):
        assert make(syslog_version=version).syslog_version == version
    for wrong in ("0", "01", "1000", "", "x", "1.0", "٣"):
        with pytest.raises(ConfigError, match="-syslog-version"):
            make(syslog_version=wrong)


@pytest.mark.parametrize(
    "settings",
    [
        {"wait": 0.0, "patience": 0.0, "max_age": 0.0, "land_timeout": 0.0, "timeout": 0.0, "stats_interval": 0.0},
        {"batch_size": 1, "batch_bytes": MIN_BATCH_BYTES, "back_bytes": MIN_BACK_BYTES, "back_buff": 1},
        {"num_outlets": 1, "max_attempts": 1, "max_line_length": 1, "kinesis_shards": 1},
        {"back_buff": None, "max_attempts": None, "ca_file": None},
    ],
)
def test_each_settings_lowest_value_is_accepted(settings: dict[str, Any]) -> None:
    config = make(**settings)
    assert {name: getattr(config, name) for name in settings} == settings


def test_the_defaults_are_those_of_go() -> None:
    """Where Go has the setting."""
    config = make()
    assert (config.batch_size, config.wait, config.num_outlets, config.timeout) == (500, 0.25, 4, 5.0)
    assert (config.prival, config.syslog_version, config.msgid, config.max_line_length) == ("190", "1", "- -", 10_000)
    assert (config.hostname, config.appname, config.procid) == ("shuttle", "token", "shuttle")


def test_the_repr_holds_no_credential() -> None:
    config = make(bearer_token="zq9bearer", drain_token="zq9drain", aws_endpoint="http://zq9")
    assert "zq9" not in repr(config)
    assert repr(config).startswith("Config(logs_url_file=None, ")
    assert "https://drain.example" in repr(config)


def test_the_repr_holds_every_other_setting() -> None:
    shown = {name for name in SETTINGS if f" {name}=" in repr(make()).replace("(", "( ")}
    assert set(SETTINGS) - shown == {"logs_url", "bearer_token", "drain_token", "aws_endpoint"}


def test_the_endpoint_has_url_bearer_token_and_appname() -> None:
    assert make(bearer_token="abc").endpoint.authorization == "Bearer abc"
    assert make(logs_url="http://h", appname="a").endpoint != make(logs_url="http://h", appname="b").endpoint
    assert make().endpoint.shown == "https://drain.example"


def test_a_config_never_changes() -> None:
    with pytest.raises(FrozenInstanceError):
        make().batch_size = 1  # type: ignore[misc]


def test_each_field_that_can_be_given_declares_a_setting() -> None:
    assert list(SETTINGS) == [entry.name for entry in fields(Config) if entry.init]
    assert all(setting.help for setting in SETTINGS.values())


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"wait": "1s"}, "-wait '1s': must be a number of seconds, not str"),
        ({"wait": None}, "-wait None: must be a number of seconds, not NoneType"),
        ({"max_age": "5m"}, "-max-age '5m': must be a number of seconds, not str"),
        ({"timeout": True}, "-timeout True: must be a number of seconds, not bool"),
        ({"batch_size": 1.5}, "-batch-size 1.5: must be an int, not float"),
        ({"batch_size": True}, "-batch-size True: must be an int, not bool"),
        ({"back_bytes": "64MiB"}, "-back-bytes '64MiB': must be a number of bytes, an int, not str"),
        ({"drop": "false"}, "-drop 'false': must be True or False, not str"),
        ({"gzip": 1}, "-gzip 1: must be True or False, not int"),
        ({"appname": b"web"}, "-appname (not shown): must be a str, not bytes"),
        ({"prival": 190}, "-prival 190: must be a str, not int"),
        ({"state_dir": "/var/lib/x"}, "-state-dir '/var/lib/x': must be a pathlib.Path, not str"),
        (
            {"ca_file": "https://u:zq9@h"},
            "-ca-file (not shown: it may hold a password): must be a pathlib.Path, not str",
        ),
        ({"file": "/var/log/x"}, "-file '/var/log/x': must be a tuple, not str"),
        ({"file": ["x"]}, "-file (not shown): must be a tuple, not list"),
        ({"file": (Path("x"),)}, "-file 'x': must be a str, not PosixPath"),
        ({"logs_url": None}, "-logs-url (not shown): must be a str, not NoneType"),
        ({"logs_url": b"https://zq9"}, "-logs-url (not shown): must be a str, not bytes"),
        ({"bearer_token": b"zq9"}, "-bearer-token (not shown): must be a str, not bytes"),
    ],
)
def test_a_value_of_another_type_is_an_error(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**settings)
    assert str(caught.value) == text


def test_whole_numbers_are_durations_too() -> None:
    assert make(wait=1, timeout=0, max_age=None).wait == 1


def test_each_repeated_value_is_checked() -> None:
    with pytest.raises(ConfigError, match="-file '': must be a path or a pattern of paths"):
        make(file=("x", ""))


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({}, MAX_AGE),
        ({"max_age": 10.0}, 10.0),
        ({"file": ("x",)}, math.inf),
        ({"spool": Path("x")}, math.inf),
        ({"spool": Path("x"), "max_age": 10.0}, 10.0),
    ],
)
def test_lines_that_outlive_the_process_have_no_age_limit(settings: dict[str, Any], limit: float) -> None:
    """Unless max_age is given."""
    assert Config(logs_url=URL, **settings).age_limit == limit


@pytest.mark.parametrize("entry", [entry for entry in fields(Config) if entry.init], ids=lambda entry: entry.name)
def test_each_default_is_a_value_that_would_be_accepted(entry: Field[Any]) -> None:
    if entry.default is not MISSING and entry.default is not None:
        check_setting(entry.name, SETTINGS[entry.name], entry.default)
