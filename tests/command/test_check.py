"""The parts of a check: where settings come from, what can be read, and what each step on the way has found."""

import os
import socket
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given

from shuttle.command.check.destination import LONGEST as LONGEST_STEP
from shuttle.command.check.destination import limit, prepare, reach
from shuttle.command.check.finding import LONGEST, Finding, Overheard, Report
from shuttle.command.check.places import check_places
from shuttle.command.check.provenance import hide_url, list_settings
from shuttle.command.check.route import Found, Step, take
from shuttle.command.flags import parse_flags
from shuttle.command.options import FLAGS, format_value
from shuttle.command.settings import find_given
from shuttle.config import Config
from shuttle.core.mask import Mask
from shuttle.core.setting import Kind
from shuttle.errors import ConfigError
from tests.command.test_credentials import ARGUMENTS, PASSWORDS, URLS, VARIABLES
from tests.helpers.disks import reachable, without_rights
from tests.helpers.sockets import Server, hang

URL = "http://drain.example/"


def report(*findings: Finding) -> tuple[list[str], bool]:
    lines: list[str] = []
    written = Report(Mask(["zq9secret"]), lines.append)
    written.add(findings)
    return lines, written.failed


def test_a_finding_is_a_line_in_columns() -> None:
    lines, failed = report(
        Finding("ok", "drain", "x"), Finding("fail", "credentials", "y"), Finding("skip", "tls", "z")
    )
    assert lines == ["ok    drain       x\n", "fail  credentials y\n", "skip  tls         z\n"]
    assert failed


def test_a_warning_is_no_failure() -> None:
    assert not report(Finding("warn", "tls", "x"), Finding("skip", "tls", "x"), Finding("ok", "tls", "x"))[1]


def test_what_strangers_write_is_masked_escaped_and_cut() -> None:
    """It is masked before it is cut."""
    (line,), _ = report(
        Finding("ok", "x", "\x1b[2J zq9%73ecret \u202e\n" + "x" * (LONGEST - 30) + "zq9secret" + "y" * 99)
    )
    assert line.startswith(r"ok    x           \x1b[2J *** \u202e\nxxx")
    assert line.endswith("...\n")
    assert "zq9" not in line
    assert line.count("\n") == 1


def test_warnings_of_the_parts_are_findings() -> None:
    overheard = Overheard("file")
    overheard.debug("x", path="a")
    overheard.info("x", path="a")
    overheard.warning("file.distrusted", path=Path("/a"), error="it is a socket")
    assert overheard.findings == [Finding("warn", "file", "/a: it is a socket")]


@given(url=URLS, password=PASSWORDS, arguments=ARGUMENTS)
def test_credentials_in_arguments_are_never_shown(url: str, password: str, arguments: list[str]) -> None:
    assert "zq9" not in show([part.format(url.format(password)) for part in arguments], {}).lower()


@given(url=URLS, password=PASSWORDS, variable=VARIABLES)
def test_credentials_in_variables_are_never_shown(url: str, password: str, variable: str) -> None:
    assert "zq9" not in show([], {variable: url.format(password)}).lower()


def show(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        return "\n".join(each.text for each in list_settings(find_given(parse_flags(argv, FLAGS), environ)))
    except ConfigError:
        return ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [("/run/app@1.log", True), ("app.log", True), ("u:pass@h", False), ("https:/u:p@h", False), ("/x:/y@z", False)],
)
def test_what_may_be_a_url_is_not_shown(text: str, shown: bool) -> None:
    assert (hide_url(text) == text) is shown


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("duration", 0.0, "0"),
        ("duration", 0.25, "250ms"),
        ("duration", 0.0001, "0.0001s"),
        ("duration", -1.0, "-1s"),
        ("duration", 90.0, "1.5m"),
        ("size", 0, "0"),
        ("size", 65536, "64KiB"),
        ("int", 0, "0"),
        ("string", "", '""'),
        ("string", "- -", '"- -"'),
        ("path", Path("/x"), "/x"),
    ],
)
def test_a_value_is_written_as_a_user_would(kind: Kind, value: object, written: str) -> None:
    assert format_value(kind, value) == written


def look(command: Sequence[str] = (), **settings: Any) -> list[tuple[str, str]]:
    return [(each.state, each.text) for each in check_places(Config(logs_url=URL, **settings), command)]


def test_files_that_cannot_be_read_fail() -> None:
    with reachable() as place:
        for number in range(8):
            (place / f"{number}.log").touch(mode=0)
        (place / "closed").mkdir(mode=0)
        with without_rights():
            found = look(file=(str(place / "*.log"), str(place / "closed" / "x")))
    assert found[:5] == [("fail", f"{place}/{n}.log: cannot be read: Permission denied") for n in range(5)]
    assert found[5:] == [("warn", "and 4 more that cannot be read")]


@pytest.mark.parametrize("mode", [0o000, 0o733, 0o744])
def test_a_directory_that_may_not_be_listed_or_entered_fails(mode: int) -> None:
    """Nothing matches there, and nothing ever will."""
    with reachable() as place:
        (place / "closed").mkdir()
        (place / "closed" / "app.log").touch()
        (place / "closed").chmod(mode)
        with without_rights():
            found = look(file=(str(place / "closed" / "*"), str(place / "*" / "app.log"), str(place / "*.none")))
    assert found[-2:] == [
        ("fail", f"{place}/closed: cannot be read: Permission denied"),
        ("warn", f"{place}/*.none: nothing matches"),
    ]


def test_a_closed_directory_among_others_is_a_warning() -> None:
    """Who writes a pattern for directories does not say that he may enter each."""
    with reachable() as place:
        (place / "open").mkdir()
        (place / "open" / "app.log").touch()
        (place / "closed").mkdir(mode=0)
        pattern = str(place / "*" / "app.log")
        with without_rights():
            found = look(file=(pattern,))
            replayed = look(file=(pattern,), follow=False)
    closed = f"{place}/closed: cannot be read: Permission denied"
    assert found == [("ok", f"1 can be read: {place}/open/app.log"), ("warn", closed)]
    assert replayed[1:] == [("fail", closed)]


def test_a_fifo_is_not_opened(tmp_path: Path) -> None:
    """Whoever waits to write to it would begin, and be told that the reader has gone."""
    os.mkfifo(tmp_path / "fifo")
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)
    assert look(file=(str(tmp_path / "fifo"),)) == [("ok", f"1 can be read: {tmp_path}/fifo")]
    with pytest.raises(OSError, match="No such device"):  # no reader is there
        os.open(tmp_path / "fifo", os.O_WRONLY | os.O_NONBLOCK)


def test_a_directory_that_was_named_fails(tmp_path: Path) -> None:
    assert look(file=(str(tmp_path),)) == [("fail", f"{tmp_path}: is a directory, which is not read")]


def test_what_makes_a_replay_incomplete_fails(tmp_path: Path) -> None:
    """It would exit with 1."""
    (tmp_path / "null.log").symlink_to("/dev/null")
    (tmp_path / "dir.log").mkdir()
    patterns = (str(tmp_path / "*.log"), str(tmp_path / "*.none"), str(tmp_path / "missing"))
    states = {text.removeprefix(f"{tmp_path}/").partition(":")[0]: state for state, text in look(file=patterns)}
    assert states == dict.fromkeys(["null.log", "dir.log", "*.none", "missing"], "warn")
    replayed = look(file=patterns, follow=False)
    assert [state for state, _ in replayed] == ["fail"] * 4


def test_a_spool_in_a_closed_directory_fails() -> None:
    with reachable() as place:
        (place / "closed").mkdir(mode=0)
        with without_rights():
            found = look(spool=place / "closed" / "new" / "spool")
    assert [state for state, _ in found] == ["ok", "fail"]
    assert "Permission denied" in found[1][1]


def test_a_database_that_is_none_of_ours_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite").symlink_to("elsewhere")
    tmp_path.chmod(0o700)
    assert ("warn", f"{tmp_path}: spool.sqlite is not a regular file, and is set aside at the start") in look(
        spool=tmp_path
    )


def test_behind_a_step_that_failed_the_others_are_skipped() -> None:
    async def succeed() -> Found:
        return Found("ok", "x")

    async def fail() -> Found:
        raise httpx.ConnectError("") from ConnectionResetError()

    async def hang() -> Found:
        await anyio.sleep_forever()
        raise AssertionError

    async def run(*steps: Step) -> list[Finding]:
        return [finding async for finding in take(steps)]

    first, second, third = anyio.run(run, Step("a", succeed), Step("b", fail), Step("c", succeed))
    assert first.text.startswith("x (")
    assert second.state == "fail"
    assert second.text.startswith("connection reset; if it never worked, check")
    assert third == Finding("skip", "c", "needs b")
    late, skipped = anyio.run(run, Step("a", hang, 0.01), Step("b", succeed))
    assert late.text.startswith("nothing within 0.01s; check host and port")
    assert skipped.state == "skip"


@pytest.mark.parametrize(("scheme", "topic"), [("http", "request"), ("https", "tls")])
def test_a_check_ends_without_a_time_out_too(scheme: str, topic: str) -> None:
    async def follow(url: str) -> list[Finding]:
        config = limit(Config(logs_url=url, timeout=0.0), 0.2)
        route = prepare(config, Report(Mask(()), lambda _: None))
        assert route
        return [finding async for finding in reach(config, route)]

    with Server(hang) as server:
        found = anyio.run(follow, f"{scheme}://127.0.0.1:{server.port}/")
    (failed,) = (finding for finding in found if finding.state == "fail")
    assert failed.topic == topic
    assert "within 0.2s" in failed.text
    assert limit(Config(logs_url=URL, timeout=0.0)).timeout == LONGEST_STEP
    assert limit(Config(logs_url=URL, timeout=300.0)).timeout == 300.0


def test_the_address_of_the_metrics_is_tried_and_let_go() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        *_, refused = check_places(Config(logs_url=URL, stats_addr=address), ())
    *_, free = check_places(Config(logs_url=URL, stats_addr=address), ())
    assert refused == Finding("fail", "stats", f"-stats-addr '{address}': Address already in use")
    assert free == Finding("ok", "stats", f"{address}: can be listened on")
