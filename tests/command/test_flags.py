"""Go's flag grammar: how arguments are taken apart, what each kind accepts, and what an error tells."""

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.command.flags import Flag, Value, format_help, parse_command_line, parse_flags, parse_value
from shuttle.command.options import FLAGS as AGENT_FLAGS
from shuttle.core.setting import Kind
from shuttle.errors import UsageError

FLAGS = (
    Flag(name="url", kind="string", metavar="URL", secret=True),
    Flag(name="msgid", kind="string"),
    Flag(name="file", kind="path"),
    Flag(name="size", kind="size"),
    Flag(name="count", kind="int"),
    Flag(name="wait", kind="duration"),
    Flag(name="drop", kind="bool"),
    Flag(name="check", kind="check"),
    Flag(name="h", kind="bool", aliases=("help", "H"), final=True),
)


def parse(kind: Kind, text: str) -> Value:
    return parse_value(Flag(name="x", kind=kind), text, given_as="-x")


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        ([], {}),
        (["-count", "1"], {"count": 1}),
        (["--count", "1"], {"count": 1}),
        (["-count=1"], {"count": 1}),
        (["--count=1"], {"count": 1}),
        (["-count", "1", "-count=2"], {"count": 2}),
        (["-msgid", "- -"], {"msgid": "- -"}),
        (["-msgid", "-"], {"msgid": "-"}),
        (["-msgid", "--"], {"msgid": "--"}),
        (["-msgid", "-drop"], {"msgid": "-drop"}),
        (["-msgid="], {"msgid": ""}),
        (["-msgid", ""], {"msgid": ""}),
        (["-msgid=a=b"], {"msgid": "a=b"}),
        (["-count", "-1"], {"count": -1}),
        (["-drop"], {"drop": True}),
        (["-drop", "-count", "1"], {"drop": True, "count": 1}),
        (["-drop=false", "--"], {"drop": False}),
        (["-check"], {"check": "online"}),
        (["-check", "-drop"], {"check": "online", "drop": True}),
        (["-check=offline"], {"check": "offline"}),
        (["-check=online", "-check=false"], {"check": ""}),
        (["-file", "/a/b"], {"file": Path("/a/b")}),
        (["-h", "-unknown", "left over"], {"h": True}),
        (["-h=false", "-drop"], {"h": False, "drop": True}),
        (["--help", "-unknown"], {"h": True}),
        (["-h=false", "-H"], {"h": True}),
    ],
)
def test_arguments_are_read_as_go_reads_them(argv: list[str], values: dict[str, Value]) -> None:
    assert parse_flags(argv, FLAGS) == values


def test_values_come_in_the_order_of_their_last_use() -> None:
    assert list(parse_flags(["-count", "1", "-drop", "-count", "2"], FLAGS)) == ["drop", "count"]


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["-cuont", "1"], "unknown flag -cuont: did you mean -count?"),
        (["-cuont=secret"], "unknown flag -cuont: did you mean -count?"),
        (["-zzz"], "unknown flag -zzz"),
        (["---drop"], "unknown flag --drop: did you mean -drop?"),
        (["--no-drop"], "unknown flag -no-drop: did you mean -drop=false?"),
        (["-no-drop=secret"], "unknown flag -no-drop: did you mean -drop=false?"),
        (["--no-count"], "unknown flag -no-count: did you mean -count?"),  # it takes a value
        (["--no-h"], "unknown flag -no-h"),  # it is off anyway
        (["-=1"], "unknown flag (not shown: it may hold a password)"),
        (["-https://u:secret@h"], "unknown flag (not shown: it may hold a password)"),
        (["-drop", "false"], "unexpected 'false' after -drop: its value takes =: -drop=false"),
        (["-check", "offline"], "unexpected 'offline' after -check: its value takes =: -check=offline"),
        (["-check", "secret"], "unexpected argument after -check: only flags and their values are accepted"),
        (["-check=offlien"], "-check 'offlien': must be online, offline, true or false"),
        (["-drop", "secret"], "unexpected argument after -drop: only flags and their values are accepted"),
        (["-msgid", "ID", "47"], "unexpected argument after -msgid and its value: only flags"),
        (["-url", "a", "secret"], "unexpected argument after -url and its value: only flags"),
        (["secret"], "unexpected argument: only flags and their values are accepted"),
        (["https://u:secret@h"], "unexpected argument: a URL is given as -url URL"),
        (["HTTP://secret"], "unexpected argument: a URL is given as -url URL"),
        (["-drop", "http://u:secret@h"], "unexpected argument after -drop: a URL is given as -url URL"),
        (["--", "http://secret"], "unexpected argument: a URL is given as -url URL"),
        (["-url", "a", "http://secret"], "unexpected argument after -url and its value: only flags"),
        (["ftp://secret"], "unexpected argument: only flags and their values are accepted"),
        (["-"], "unexpected argument: only flags"),
        (["--", "-drop"], "unexpected argument: only flags"),
        (["--", ""], "unexpected argument: only flags"),
        (["-count"], "-count has no value: it takes a whole number, such as 500"),
        (["-url"], "-url has no value: it takes a text"),
        (["-count", "secret://"], "-count (not shown: it may hold a password): must be a whole number"),
        (["-count", "a@secret"], "-count (not shown: it may hold a password): must be"),
        (["-count", "-url=secret"], "-count '-url': must be a whole number"),
        (["-drop=maybe"], "-drop 'maybe': must be true or false"),
        (["-count", str(2**63)], f"-count '{2**63}': must be less than {2**63}"),
        (["-size", "9999999999G"], f"-size '9999999999G': must be less than {2**63}"),
        (["-wait", "2562048h"], "-wait '2562048h': must be at most 2562047h, which is 292 years"),
    ],
)
def test_an_error_names_the_flag_and_no_credential(argv: list[str], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_flags(argv, FLAGS)
    assert str(caught.value).startswith(text)
    assert "secret" not in str(caught.value)


def test_the_value_of_a_secret_flag_is_never_shown() -> None:
    with pytest.raises(UsageError, match=r"^SIZE_VARIABLE \(not shown\): must be a number of bytes"):
        parse_value(Flag(name="x", kind="size", secret=True), "hunter2", given_as="SIZE_VARIABLE")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, True) for word in ("1", "t", "T", "true", "TRUE", "True")],
        *[(word, False) for word in ("0", "f", "F", "false", "FALSE", "False")],
    ],
)
def test_booleans_are_read_as_go_reads_them(text: str, value: bool) -> None:
    assert parse("bool", text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("500", 500),
        ("+5", 5),
        ("-5", -5),
        ("1_000", 1000),
        ("0x10", 16),
        ("0X_1f", 31),
        ("-0x10", -16),
        ("0o17", 15),
        ("017", 15),
        ("0_17", 15),
        ("00", 0),
        ("0b101", 5),
        ("0B1_0", 2),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_integers_are_read_as_go_reads_base_0(text: str, value: int) -> None:
    assert parse("int", text) == value
    assert parse("size", text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            ("1KiB", 1024),
            ("64MiB", 64 << 20),
            ("2GiB", 2 << 30),
            ("0x10KiB", 16384),
            ("1_0MiB", 10 << 20),
            ("0KiB", 0),
        ],
        *[("64K", 65536), ("64KB", 65536), ("64M", 64 << 20), ("64MB", 64 << 20), ("1G", 1 << 30), ("1GB", 1 << 30)],
        *[("0x10K", 16384), ("0xBK", 11 << 10), ("0xB", 11), ("-1K", -1024), ("1_0M", 10 << 20)],
    ],
)
def test_sizes_take_a_binary_suffix(text: str, value: int) -> None:
    assert parse("size", text) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("+0", 0.0),
        ("0s", 0.0),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("1m30s", 90.0),
        ("1h1m1s1ms1us1ns", 3661.001001001),
        ("1h", 3600.0),
        ("300us", 0.0003),
        ("300µs", 0.0003),
        ("300μs", 0.0003),
        ("7ns", 7e-9),
        ("-1.5h", -5400.0),
        ("+5s", 5.0),
        ("5s5s", 10.0),
        ("2562047h", 9223369200.0),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert parse("duration", text) == seconds


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *[("bool", text) for text in ("", "yes", "tRUE", "2", " 1", "true ")],
        *[("int", text) for text in ("", "x", "1.5", "1e3", " 1", "1 ", "08", "0x", "0b2", "--1", "+", "1\n")],
        *[("int", text) for text in ("_1", "1_", "1__0", "0x_", "٣", "9223372036854775808", "9" * 5000, "1KiB")],
        *[
            ("size", text)
            for text in (
                "",
                "KiB",
                "K",
                "1kib",
                "1k",
                "1mb",
                "1B",
                "1T",
                "1 KiB",
                "1.5M",
                "9223372036854775807K",
                "x",
                "1KK",
            )
        ],
        *[("duration", text) for text in ("", "3", ".s", "s", "1", "1.5", "-", "+", "1S", "1d", "1 s", " 1s", "1s ")],
        *[("duration", text) for text in ("1s1", "1m-30s", "1.5.5s", "1e3s", "nan", "inf", "infs", "00", "٣s", "0.0")],
        *[("duration", text) for text in ("2562048h", "9" * 400 + "h", "1_000s", "0x1s", "1s\n", "--1s")],
    ],
)
def test_a_wrong_value_is_refused_in_one_line(kind: Kind, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(kind, text)
    assert "must be" in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_is_read_in_every_base(number: int) -> None:
    assert {parse("int", form) for form in (f"{number:_}", f"{number:#x}", f"{number:#o}", f"{number:#b}")} == {number}


@given(st.text())
def test_any_text_is_a_finite_duration_or_refused(text: str) -> None:
    for candidate in (text, f"{text}s", f"1{text}s"):
        with contextlib.suppress(UsageError):
            assert math.isfinite(float(str(parse("duration", candidate))))


@given(st.lists(st.text()))
def test_any_arguments_are_values_or_a_usage_error(argv: list[str]) -> None:
    with contextlib.suppress(UsageError):
        assert parse_flags(argv, FLAGS).keys() <= {flag.name for flag in FLAGS}


def test_a_flags_keyword_is_its_name_by_default() -> None:
    assert Flag(name="a-b", kind="int").keyword == "a_b"
    assert Flag(name="a-b", kind="int", field="c").keyword == "c"


def test_help_is_in_a_column_under_its_heading() -> None:
    groups = {
        "First": (
            Flag(name="wait", kind="duration", help="how long", default="1s"),
            Flag(name="drop", kind="bool", help="word " * 20),
            Flag(name="h", kind="bool", help="help", aliases=("help", "H")),
        ),
        "Second": (Flag(name="a-very-long-name-it-has", kind="string", help="long", metavar="URL"),),
    }
    assert format_help(groups).splitlines() == [
        "First:",
        "  -wait DURATION            how long (default 1s)",
        "  -drop                     word word word word word word word word word word word word word word",
        "                            word word word word word word",
        "  -h, -help, -H             help",
        "",
        "Second:",
        "  -a-very-long-name-it-has URL",
        "                            long",
    ]


def test_an_application_without_its_two_dashes_is_told_of_them() -> None:
    with pytest.raises(UsageError, match=r"\(a value with spaces needs quotes\); an application goes after --: log"):
        parse_command_line(["-url", "u", "echo", "a"], FLAGS)
    with pytest.raises(UsageError, match=r"needs quotes\)$"):
        parse_flags(["-url", "u", "echo", "a"], FLAGS)


@pytest.mark.parametrize("flag", [flag for flag in AGENT_FLAGS if flag.kind == "path"], ids=lambda flag: flag.name)
def test_an_empty_path_is_none(flag: Flag) -> None:
    """It would be the current directory."""
    with pytest.raises(UsageError, match=f"-{flag.name} '': must be a path"):
        parse_flags([f"-{flag.name}", ""], AGENT_FLAGS)
