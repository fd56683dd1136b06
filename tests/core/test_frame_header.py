"""Every legal header is read by a strict parser that was not written here as what was configured."""

import re
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.frame import make_stamp
from tests.helpers.frames import STAMP, make_framer, walk

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the parser's own parser imports sre_parse
    from syslog_rfc5424_parser import SyslogMessage

PRINTABLE = [chr(code) for code in range(0x21, 0x7F)]  # PRINTUSASCII (RFC 5424, section 6)
LAST_SECOND = 253_402_300_799  # of the year 9999

texts = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=60)
names = st.text([sign for sign in PRINTABLE if sign not in '="]'], min_size=1, max_size=32)
# Without an escaped backslash, which this parser misreads before the closing quote.
values = st.lists(
    st.sampled_from([" ", *(sign for sign in PRINTABLE if sign not in '"\\]'), r"\"", r"\]"]), max_size=10
).map("".join)
elements = st.lists(st.tuples(names, st.lists(st.tuples(names, values), max_size=3)), max_size=3)


def words(longest: int) -> st.SearchStrategy[str]:
    return st.just("-") | st.text(PRINTABLE, min_size=1, max_size=longest)


def read_word(word: str) -> str | None:
    """Return what the parser makes of a msgid or procid."""
    return None if word == "-" else word


@given(
    lines=st.lists(texts, min_size=1, max_size=3),
    seconds=st.floats(0, LAST_SECOND),
    prival=st.integers(0, 191),
    version=st.integers(1, 999),
    hostname=words(255),
    appname=words(48),
    procid=words(128),
    msgid=words(32),
    elements=elements,
)
def test_a_strict_parser_reads_what_went_in(
    *,
    lines: list[str],
    seconds: float,
    prival: int,
    version: int,
    hostname: str,
    appname: str,
    procid: str,
    msgid: str,
    elements: list[tuple[str, list[tuple[str, str]]]],
) -> None:
    data = "".join(
        f"[{name}{''.join(f' {key}={chr(34)}{value}{chr(34)}' for key, value in params)}]" for name, params in elements
    )
    framer = make_framer(
        prival=str(prival),
        syslog_version=str(version),
        hostname=hostname,
        appname=appname,
        procid=procid,
        msgid=f"{msgid} {data or '-'}",
    )
    frames = walk(framer.frame([line.encode() for line in lines], make_stamp(seconds)).body)
    expected_data: dict[str, dict[str, str]] = {}
    for name, params in elements:
        expected_data.setdefault(name, {}).update(params)
    for line, frame in zip(lines, frames, strict=True):
        message = SyslogMessage.parse(frame.decode())
        assert message.facility * 8 + message.severity == prival
        assert message.version == version
        assert message.timestamp == make_stamp(seconds)
        assert message.hostname == hostname
        assert message.appname == appname
        assert message.procid == (int(procid) if procid.isdigit() else read_word(procid))
        assert message.msgid == read_word(msgid)
        assert message.sd == expected_data
        assert message.msg == line + "\n"


def test_the_defaults_are_read_by_a_strict_parser() -> None:
    (frame,) = walk(make_framer().frame([b"Hello World"], STAMP).body)
    assert SyslogMessage.parse(frame.decode()).as_dict() == {
        "facility": "local7",
        "severity": "info",
        "version": 1,
        "timestamp": STAMP,
        "hostname": "shuttle",
        "appname": "token",
        "procid": "shuttle",
        "msgid": None,
        "sd": {},
        "msg": "Hello World\n",
    }


@pytest.mark.parametrize(("code", "word"), [("L12", "dropped"), ("L13", "lost")])
def test_a_report_is_read_by_a_strict_parser(code: str, word: str) -> None:
    (frame,) = walk(make_framer(appname="web.1").report(code, 7, since=STAMP, stamp=make_stamp(0)))
    message = SyslogMessage.parse(frame.decode())
    assert (message.facility.name, message.severity.name) == ("local5", "warning")
    assert (message.hostname, message.appname, message.procid) == ("heroku", "web.1", "log-shuttle")
    assert message.timestamp == make_stamp(0)
    assert message.msg == f"Error {code}: 7 messages {word} since {STAMP}\n"


@pytest.mark.parametrize(
    ("changed", "header"),
    [
        ({"prival": "0"}, f"<0>1 {STAMP} shuttle token shuttle - - "),
        ({"syslog_version": "42"}, f"<190>42 {STAMP} shuttle token shuttle - - "),
        ({"hostname": "h"}, f"<190>1 {STAMP} h token shuttle - - "),
        ({"appname": "web"}, f"<190>1 {STAMP} shuttle web shuttle - - "),
        ({"procid": "-"}, f"<190>1 {STAMP} shuttle token - - - "),
        ({"msgid": "ID47"}, f"<190>1 {STAMP} shuttle token shuttle ID47 "),
        ({"msgid": 'ID47 [x@1 a="b"]'}, f'<190>1 {STAMP} shuttle token shuttle ID47 [x@1 a="b"] '),
        ({"msgid": r'ID47 [x@1 a="\\" b="\]"]'}, rf'<190>1 {STAMP} shuttle token shuttle ID47 [x@1 a="\\" b="\]"] '),
        ({"appname": "%d%s%%"}, f"<190>1 {STAMP} shuttle %d%s%% shuttle - - "),
    ],
)
def test_each_field_is_in_its_place(changed: dict[str, Any], header: str) -> None:
    assert walk(make_framer(**changed).frame([b"a"], STAMP).body) == [header.encode() + b"a\n"]


@pytest.mark.parametrize("name", ["appname", "msgid"])
def test_a_percent_sign_in_a_field_stays_in_reports(name: str) -> None:
    body = make_framer(**{name: "%d%s%(a)s%%"}).report("L12", 2, since=STAMP, stamp=STAMP)
    assert re.findall(rb" (\S+)", walk(body)[0])[2 if name == "appname" else 4] == b"%d%s%(a)s%%"
