"""The header says which file a line came from, in what a header may have."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.frame import Framing
from shuttle.input.files.labels import ANY, fill_header
from tests.helpers.frames import make_config

APPNAME, PROCID = 48, 128  # bytes that RFC 5424 gives them


def make_framing(**fields: str) -> Framing:
    return make_config(**fields).framing


def fill(path: str, *, appname: str = "token", procid: str = "shuttle") -> tuple[str, str]:
    framing = fill_header(make_framing(appname=appname, procid=procid), Path(path))
    return framing.appname, framing.procid


@pytest.mark.parametrize(
    ("path", "text", "filled"),
    [
        ("/var/log/app.log", "{name}", "app.log"),
        ("/var/log/app.log", "{stem}", "app"),
        ("/var/log/app.log", "{path}", "/var/log/app.log"),
        ("/var/log/app.log", "x-{stem}-y", "x-app-y"),
        ("/var/log/app.log", "{stem}:{name}", "app:app.log"),
        ("/var/log/app.log", "{stem}{stem}", "appapp"),
        ("/var/log/app.log", "plain", "plain"),
        ("/var/log/app.log", "{other}{}", "{other}{}"),
        ("relative/web.1.log", "{stem}", "web.1"),
        ("app", "{stem}", "app"),
        ("/", "{name}", "-"),
        (".hidden", "{stem}", ".hidden"),
        ("/logs/two words.log", "{name}", "two_words.log"),
        ("/logs/größe.log", "{stem}", "gr__e"),
        ("/logs/\udcff\udce4.log", "{stem}", "__"),
        ("/logs/line\nbreak", "{name}", "line_break"),
        ("/logs/{stem}", "{name}", "{stem}"),
    ],
)
def test_what_stands_in_braces_is_filled_in(path: str, text: str, filled: str) -> None:
    assert fill(path, appname=text, procid=text) == (filled, filled)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{path}", "x" * 44 + ".log"),
        ("app-{path}", "app-" + "x" * 40 + ".log"),
        ("{stem}", "x" * 48),
        ("{path}-app", "x" * 40 + ".log-app"),
    ],
)
def test_of_what_is_too_long_the_end_is_kept(text: str, filled: str) -> None:
    assert fill("/var/log/" + "x" * 200 + ".log", appname=text)[0] == filled


def test_a_path_that_fits_the_one_may_be_too_long_for_the_other() -> None:
    path = "/" + "x" * 99
    assert fill(path, appname="{path}", procid="{path}") == (path[-APPNAME:], path)


def test_a_report_stands_for_any_file() -> None:
    filled = fill_header(make_framing(appname="{stem}", procid="app-{name}"), ANY)
    assert (filled.appname, filled.procid) == ("*", "app-*")


def test_only_appname_and_procid_change() -> None:
    framing = make_framing(appname="{stem}", procid="-", msgid="{stem} [x]", hostname="{name}")
    assert fill_header(framing, Path("/var/log/app.log")) == framing._replace(appname="app")


@given(
    path=st.text(min_size=1).filter(lambda text: "\0" not in text),
    text=st.lists(st.sampled_from(["{path}", "{name}", "{stem}", "x" * 10, "-"]), min_size=1, max_size=6).map("".join),
)
def test_any_path_gives_a_valid_header(path: str, text: str) -> None:
    appname, procid = fill(path, appname=text[:APPNAME], procid=text[:PROCID])
    assert re.fullmatch(f"[!-~]{{1,{APPNAME}}}", appname)
    assert re.fullmatch(f"[!-~]{{1,{PROCID}}}", procid)
