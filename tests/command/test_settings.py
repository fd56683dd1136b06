"""Flags, environment and defaults to a Config: who wins, what is warned about, and what an error names."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from shuttle.command.flags import parse_flags
from shuttle.command.options import FLAGS
from shuttle.command.settings import Given, find_given, find_ineffective, find_warnings, make_config, name_giver
from shuttle.config import Config
from shuttle.errors import ConfigError, UsageError

URL = "https://drain.example/logs"


def build(argv: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Config:
    return make_config(find_given(parse_flags(argv, FLAGS), {"LOGS_URL": URL} if environ is None else environ))


def warn(argv: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> list[str]:
    return list(find_warnings(parse_flags(argv, FLAGS), environ or {}))


@pytest.mark.parametrize(
    ("argv", "settings"),
    [
        ([], {}),
        (["-logs-url", "http://h/x"], {"logs_url": "http://h/x"}),
        (["-input-format", "rfc5424"], {"input_format": "rfc5424"}),
        (["-batch-size", "0x10", "-batch-bytes", "64KiB", "-wait", "1s"], {"batch_size": 16, "batch_bytes": 65536}),
        (
            ["-back-bytes=1MiB", "-back-buff", "50", "-drop=false"],
            {"back_bytes": 1 << 20, "back_buff": 50, "drop": False},
        ),
        (
            ["-patience", "0", "-num-outlets", "8", "-timeout=1m30s"],
            {"patience": 0.0, "num_outlets": 8, "timeout": 90.0},
        ),
        (["-max-attempts", "3", "-max-age", "1h"], {"max_attempts": 3, "max_age": 3600.0}),
        (["-land-timeout=5s", "-max-line-length", "1_000"], {"land_timeout": 5.0, "max_line_length": 1000}),
        (["-prival", "13", "-syslog-version", "2", "-hostname", "h"], {"prival": "13", "syslog_version": "2"}),
        (["-appname", "web", "-procid", "-", "-msgid", "- -"], {"appname": "web", "procid": "-", "msgid": "- -"}),
        (["-logplex-token", "t"], {"appname": "t"}),
        (["-appname", "a", "-logplex-token", "t"], {"appname": "t"}),
        (["-appname", "a", "-logplex-token", "t", "-appname", "b"], {"appname": "b"}),
        (["-bearer-token", "b", "-drain-token", "d"], {"bearer_token": "b", "drain_token": "d"}),
        (["-ca-file", __file__, "-client-cert", __file__], {"ca_file": Path(__file__), "client_cert": Path(__file__)}),
        (
            ["-skip-verify", "-gzip", "-verbose=t", "-log-to-syslog"],
            {"skip_verify": True, "verbose": True, "gzip": True},
        ),
        (["-stats-interval", "10s", "-stats-source", "web.1"], {"stats_interval": 10.0, "stats_source": "web.1"}),
        (["-stats-format", "l2met", "-kinesis-shards", "2"], {"stats_format": "l2met", "kinesis_shards": 2}),
        (["-skip-headers"], {"input_format": "rfc5424"}),
        (["-skip-headers=false"], {"input_format": "raw"}),
        (["-front-buff", "1", "-num-batchers", "2"], {}),
        (["-stats-addr", ":9100", "-log-format", "json"], {"stats_addr": ":9100", "log_format": "json"}),
    ],
)
def test_flags_set_the_config(argv: list[str], settings: dict[str, Any]) -> None:
    """Without a flag, the config keeps its own defaults."""
    config, default = build(argv), Config(logs_url=URL)
    assert {name: getattr(config, name) for name in settings} == settings
    if not argv:
        assert config == default


def test_every_setting_has_a_flag() -> None:
    """Every flag has a setting, unless it is final or deprecated, or asks for a check."""
    settings = {entry.name for entry in fields(Config) if entry.init}
    assert settings <= {flag.keyword for flag in FLAGS}
    assert all(flag.keyword in settings or flag.final or flag.deprecated or flag.kind == "check" for flag in FLAGS)
    assert {flag.name for flag in FLAGS if flag.secret} == {"logs-url", "bearer-token", "drain-token", "aws-endpoint"}


@pytest.mark.parametrize(
    ("argv", "environ", "settings"),
    [
        ([], {"LOG_SHUTTLE_BATCH_SIZE": "7"}, {"batch_size": 7}),
        (["-batch-size", "8"], {"LOG_SHUTTLE_BATCH_SIZE": "7"}, {"batch_size": 8}),
        ([], {"LOG_SHUTTLE_BATCH_SIZE": ""}, {"batch_size": 500}),
        ([], {"LOG_SHUTTLE_DROP": "f", "LOG_SHUTTLE_GZIP": "True"}, {"drop": False, "gzip": True}),
        (["-drop"], {"LOG_SHUTTLE_DROP": "f"}, {"drop": True}),
        (["-stats-source", ""], {"LOG_SHUTTLE_STATS_SOURCE": "x"}, {"stats_source": ""}),
        ([], {"LOG_SHUTTLE_LOGPLEX_TOKEN": "t"}, {"appname": "t"}),
        (["-appname", "a"], {"LOG_SHUTTLE_LOGPLEX_TOKEN": "t"}, {"appname": "a"}),
        ([], {"LOG_SHUTTLE_BEARER_TOKEN": "b", "LOG_SHUTTLE_WAIT": "1s"}, {"bearer_token": "b", "wait": 1.0}),
        ([], {"LOG_SHUTTLE_SKIP_HEADERS": "1"}, {"input_format": "rfc5424"}),
        ([], {"log_shuttle_batch_size": "7"}, {"batch_size": 500}),
    ],
)
def test_a_flag_wins_over_its_variable(argv: list[str], environ: dict[str, str], settings: dict[str, Any]) -> None:
    """The variable wins over the default."""
    config = build(argv, {"LOGS_URL": URL} | environ)
    assert {name: getattr(config, name) for name in settings} == settings


@pytest.mark.parametrize(
    ("argv", "environ", "host", "warnings"),
    [
        (["-logs-url", "http://a"], {}, "a", []),
        ([], {"LOG_SHUTTLE_LOGS_URL": "http://b"}, "b", []),
        ([], {"LOGS_URL": "http://c"}, "c", []),
        ([], {"LOGPLEX_URL": "http://d"}, "d", ["LOGPLEX_URL is deprecated: use LOGS_URL"]),
        ([], {"LOGS_URL": "", "LOGPLEX_URL": "http://d"}, "d", ["LOGPLEX_URL is deprecated: use LOGS_URL"]),
        (["-logs-url", ""], {"LOGS_URL": "http://c"}, "c", []),
        (
            ["-logs-url", "http://a"],
            {"LOG_SHUTTLE_LOGS_URL": "http://b", "LOGS_URL": "http://c", "LOGPLEX_URL": "http://d"},
            "a",
            [
                "LOG_SHUTTLE_LOGS_URL is not used: -logs-url wins over it",
                "LOGS_URL is not used: -logs-url wins over it",
                "LOGPLEX_URL is not used: -logs-url wins over it",
            ],
        ),
        (
            [],
            {"LOGS_URL": "http://c", "LOGPLEX_URL": "http://c"},
            "c",
            ["LOGPLEX_URL is not used: LOGS_URL wins over it"],
        ),
    ],
)
def test_the_first_of_four_places_gives_the_url(
    argv: list[str], environ: dict[str, str], host: str, warnings: list[str]
) -> None:
    assert build(argv, environ).endpoint.url.host == host
    assert warn(argv, environ) == warnings


@pytest.mark.parametrize(
    ("argv", "environ", "warnings"),
    [
        ([], {}, []),
        (["-skip-headers"], {}, ["-skip-headers is deprecated: use -input-format rfc5424"]),
        (["-front-buff", "1"], {}, ["-front-buff has no effect: remove it"]),
        (["-num-batchers", "1"], {}, ["-num-batchers has no effect: remove it"]),
        ([], {"LOG_SHUTTLE_FRONT_BUFF": "1"}, ["LOG_SHUTTLE_FRONT_BUFF has no effect: remove it"]),
        ([], {"LOG_SHUTTLE_FRONT_BUFF": ""}, []),
        (
            [],
            {"LOG_SHUTTLE_LOG_URL": "https://u:secret@h"},
            ["LOG_SHUTTLE_LOG_URL sets nothing: did you mean LOG_SHUTTLE_LOGS_URL?"],
        ),
        ([], {"LOG_SHUTTLE_ZZZ": "secret"}, ["LOG_SHUTTLE_ZZZ sets nothing"]),
        ([], {"LOG_SHUTTLE_H": "1"}, ["LOG_SHUTTLE_H sets nothing"]),
        ([], {"LOG_SHUTTLE_VERSION": "1.2.3", "OTHER": "x"}, []),
        (["-logplex-token", "t"], {}, []),
    ],
)
def test_warnings_name_flags_and_variables_and_no_value(
    argv: list[str], environ: dict[str, str], warnings: list[str]
) -> None:
    assert warn(argv, environ) == warnings


FILE = ("-file", "/var/log/app.log")
KINESIS = ("-logs-url", "https://kinesis.us-east-1.amazonaws.com/stream")
CLOUDWATCH = ("-logs-url", "https://logs.us-east-1.amazonaws.com/group/stream")
HTTP = ("-logs-url", "http://drain.example/")
NO_TIME = "leaves no time to deliver: lines held at the end are lost unless you use -spool, or -file with -state-dir"
PLACEHOLDERS = "contains {path}, {name} or {stem}, which only -file fills in"
CERTIFICATE = ("-client-cert", "cert.pem")


@pytest.mark.parametrize(
    ("argv", "warnings"),
    [
        (["-follow"], ["-follow has no effect without -file"]),
        (["-follow=false"], ["-follow has no effect without -file"]),
        (["-from", "end"], ["-from has no effect without -file"]),
        (["-state-dir", "d"], ["-state-dir has no effect without -file"]),
        (["-partial-timeout", "1s"], ["-partial-timeout has no effect without -file"]),
        ([*FILE, "-follow", "-from", "end", "-state-dir", "d", "-partial-timeout", "1s"], []),
        (["-spool-bytes", "2MiB"], ["-spool-bytes has no effect without -spool"]),
        (["-spool", "d", "-spool-bytes", "2MiB"], []),
        (["-land-timeout", "0"], [f"-land-timeout {NO_TIME}"]),
        (["-land-timeout", "1s"], []),
        (["-land-timeout", "0", "-spool", "d"], []),
        ([*FILE, "-land-timeout", "0", "-state-dir", "d"], []),
        ([*FILE, "-land-timeout", "0"], [f"-land-timeout {NO_TIME}"]),
        (["-procid", "{name}"], [f"-procid {PLACEHOLDERS}"]),
        (["-appname", "a-{stem}"], [f"-appname {PLACEHOLDERS}"]),
        (
            ["-logplex-token", "{path}"],
            [f"-logplex-token {PLACEHOLDERS}"],
        ),
        ([*FILE, "-procid", "{name}", "-appname", "{stem}"], []),
        (["-procid", "{}{other}"], []),
        ([*FILE, "-drop"], ["-drop has no effect with -file: nothing is dropped from files"]),
        ([*FILE, "-drop=false"], []),
        ([*FILE, "-patience", "1s"], ["-patience has no effect with -file: nothing is dropped from files"]),
        (["-drop=false", "-patience", "1s"], ["-patience has no effect with -drop=false"]),
        (["-drop", "-patience", "1s"], []),
        ([*HTTP, "-ca-file", "f"], ["-ca-file has no effect over http"]),
        ([*HTTP, "-skip-verify"], ["-skip-verify has no effect over http"]),
        ([*HTTP, "-skip-verify=false"], []),
        ([*HTTP, *CERTIFICATE], ["-client-cert has no effect over http"]),
        (
            [*HTTP, *CERTIFICATE, "-client-key", "k"],
            ["-client-cert has no effect over http", "-client-key has no effect over http"],
        ),
        (["-ca-file", "f", *CERTIFICATE, "-client-key", "k"], []),
        (["-ca-file", "f", "-skip-verify"], ["-ca-file has no effect with -skip-verify"]),
        ([*KINESIS, "-ca-file", "f", "-aws-endpoint", "http://h"], ["-ca-file has no effect over http"]),
        (["-kinesis-shards", "2"], ["-kinesis-shards has no effect without a Kinesis stream"]),
        ([*CLOUDWATCH, "-kinesis-shards", "2"], ["-kinesis-shards has no effect without a Kinesis stream"]),
        ([*KINESIS, "-kinesis-shards", "2"], []),
        (["-aws-create"], ["-aws-create has no effect without a CloudWatch Logs stream"]),
        ([*KINESIS, "-aws-create"], ["-aws-create has no effect without a CloudWatch Logs stream"]),
        ([*CLOUDWATCH, "-aws-create"], []),
        (["-aws-endpoint", "http://h"], ["-aws-endpoint has no effect without an AWS stream"]),
        ([*CLOUDWATCH, "-aws-endpoint", "http://h"], []),
        ([*KINESIS, "-bearer-token", "t"], ["-bearer-token has no effect with an AWS stream"]),
        ([*KINESIS, "-drain-token", "t"], ["-drain-token has no effect with an AWS stream"]),
        (["-bearer-token", "t", "-drain-token", "t"], []),
        (["-stats-source", "s"], ["-stats-source has no effect without -stats-interval"]),
        (["-stats-format", "l2met"], ["-stats-format has no effect without -stats-interval"]),
        (["-stats-interval", "0", "-stats-format", "go"], ["-stats-format has no effect without -stats-interval"]),
        (["-stats-interval", "1s", "-stats-source", "s", "-stats-format", "l2met"], []),
        (["-stats-source", ""], []),
        (
            ["-input-format", "rfc5424", "-max-line-length", "1KiB", "-prival", "1", "-hostname", "h", "-procid", "p"],
            [
                "-max-line-length has no effect on lines that are already framed",
                "-prival has no effect on lines that are already framed",
                "-hostname has no effect on lines that are already framed",
                "-procid has no effect on lines that are already framed",
            ],
        ),
        (["-skip-headers", "-appname", "a", "-syslog-version", "2", "-msgid", "m"], []),  # the reports have them
        ([*KINESIS, "-input-format", "rfc5424", "-hostname", "h"], []),  # the partition keys have it
        (
            [*CLOUDWATCH, "-prival", "1", "-syslog-version", "2", "-appname", "a", "-msgid", "m"],
            [
                "-prival has no effect in CloudWatch Logs: an event is the line alone",
                "-syslog-version has no effect in CloudWatch Logs: an event is the line alone",
                "-appname has no effect in CloudWatch Logs: an event is the line alone",
                "-msgid has no effect in CloudWatch Logs: an event is the line alone",
            ],
        ),
        (
            [*CLOUDWATCH, *FILE, "-hostname", "h", "-procid", "{name}"],
            [
                "-hostname has no effect in CloudWatch Logs: an event is the line alone",
                "-procid has no effect in CloudWatch Logs: an event is the line alone",
            ],
        ),
        ([*CLOUDWATCH, "-input-format", "rfc5424", "-appname", "a", "-msgid", "m"], []),
        (["-max-line-length", "1KiB", "-prival", "1", "-hostname", "h", "-procid", "p", "-back-buff", "5"], []),
    ],
)
def test_a_setting_without_effect_gives_a_warning(argv: list[str], warnings: list[str]) -> None:
    given = find_given(parse_flags(argv, FLAGS), {"LOGS_URL": URL})
    assert list(find_ineffective(given, make_config(given))) == warnings


def test_the_warning_names_the_variable_that_gave_the_setting() -> None:
    given = find_given({}, {"LOGS_URL": URL, "LOG_SHUTTLE_STATE_DIR": "d", "LOG_SHUTTLE_FOLLOW": ""})
    warnings = list(find_ineffective(given, make_config(given)))
    assert warnings == ["LOG_SHUTTLE_STATE_DIR has no effect without -file"]


def test_nothing_given_gives_no_warning() -> None:
    for url in (URL, HTTP[1], KINESIS[1], CLOUDWATCH[1]):
        given = find_given({}, {"LOGS_URL": url})
        assert list(find_ineffective(given, make_config(given))) == []


@pytest.mark.parametrize(
    ("argv", "environ", "text"),
    [
        ([], {}, "no drain: give -logs-url"),
        ([], {"LOGS_URL": URL, "LOG_SHUTTLE_WAIT": "3"}, "LOG_SHUTTLE_WAIT '3': must be a duration"),
        ([], {"LOGS_URL": URL, "LOG_SHUTTLE_DROP": "no"}, "LOG_SHUTTLE_DROP 'no': must be true or false"),
        (
            [],
            {"LOGS_URL": URL, "LOG_SHUTTLE_WAIT": "https://u:secret@h"},
            "LOG_SHUTTLE_WAIT (not shown: it may hold a password)",
        ),
        ([], {"LOGS_URL": URL, "LOG_SHUTTLE_BATCH_SIZE": "0"}, "LOG_SHUTTLE_BATCH_SIZE 0: must be 1 or more"),
        (["-batch-size", "-1"], {"LOGS_URL": URL, "LOG_SHUTTLE_BATCH_SIZE": "0"}, "-batch-size -1: must be 1 or more"),
        (["-logplex-token", "a b"], {"LOGS_URL": URL}, "-logplex-token 'a b': must be 1 to 48"),
        (
            [],
            {"LOGS_URL": URL, "LOG_SHUTTLE_BEARER_TOKEN": "secret\n"},
            "LOG_SHUTTLE_BEARER_TOKEN (not shown): must be printable",
        ),
        ([], {"LOGS_URL": "ftp://u:secret@h"}, "LOGS_URL has no http or https scheme"),
        ([], {"LOGPLEX_URL": "http://h:0"}, "LOGPLEX_URL has a port"),
        (["-logs-url", "http://kinesis.a.amazonaws.com"], {}, "-logs-url names no stream of kinesis.a.amazonaws.com"),
        (["-skip-headers", "-input-format", "lprfc5424"], {}, "-skip-headers: cannot be combined with -input-format"),
        (
            ["-skip-headers"],
            {"LOGS_URL": URL, "LOG_SHUTTLE_INPUT_FORMAT": "lprfc5424"},
            "-skip-headers: cannot be combined with LOG_SHUTTLE_INPUT_FORMAT lprfc5424",
        ),
    ],
)
def test_a_configuration_error_names_who_gave_the_value(argv: list[str], environ: dict[str, str], text: str) -> None:
    given: dict[str, Given] = {}
    with pytest.raises(ConfigError) as caught:
        make_config(given := find_given(parse_flags(argv, FLAGS), environ))
    error = name_giver(str(caught.value), given)
    assert not isinstance(caught.value, UsageError)
    assert error.startswith(text)
    assert "secret" not in error
