"""The syslog messages of a request's body: cut out by their lengths, judged as logplex does, shown on a terminal."""

import re
from datetime import datetime

from shuttle.core.escape import escape

FRAME_LIMIT = 10_240  # bytes without the length in front: logplex's own, kept apart from what the sender believes it is

_LENGTH = re.compile(rb"([1-9][0-9]{0,8}) ")

_FIELDS = {  # RFC 5424, 6.2
    "PRI and VERSION": rb"<(?:[0-9]|[1-9][0-9]|1[0-8][0-9]|19[01])>[1-9][0-9]{0,2}",
    "TIMESTAMP": rb"(?:-|\d{4}-\d\d-\d\dT(?P<clock>\d\d:\d\d:\d\d(?:\.\d{1,3})?)\d{0,3}(?:Z|[+-]\d\d:\d\d))",
    "HOSTNAME": rb"(?P<hostname>[!-~]{1,255})",
    "APP-NAME": rb"(?P<appname>[!-~]{1,48})",
    "PROCID": rb"(?P<procid>[!-~]{1,128})",
    "MSGID": rb"[!-~]{1,32}",
}
_HEADER = re.compile(b" ".join(_FIELDS.values()) + rb"(?: |(?=\n?\Z))")
_NIL_DATA = b"- "  # STRUCTURED-DATA, which logplex leaves out when it writes to a drain; any other is shown
_REPORT = re.compile(rb"Error L1[23]: ")

_SHOWN_QUOTE = 40  # bytes of a wrong field in a reason: enough to recognise it


class FrameError(ValueError):
    """A body that is not a row of frames; the text says which frame is wrong, and why."""


def parse_frames(body: bytes) -> list[bytes]:
    """Return the frames of `body`, each without its length and with a header as RFC 5424 has it.

    Raises:
        FrameError: A length is missing or wrong, a frame is over `FRAME_LIMIT`, or a header is malformed.
    """
    frames: list[bytes] = []
    match_length, match_header = _LENGTH.match, _HEADER.match
    at, end = 0, len(body)
    while at < end:
        length = match_length(body, at)
        if length is None:
            raise FrameError(f"frame {len(frames) + 1}: no length before {_quote(body[at : at + 2 * _SHOWN_QUOTE])}")
        start = length.end()
        at = start + int(length[1])
        if at > end:
            raise FrameError(f"frame {len(frames) + 1}: {at - start} bytes are announced, {end - start} follow")
        if at - start > FRAME_LIMIT:
            raise FrameError(f"frame {len(frames) + 1}: {at - start} bytes are more than {FRAME_LIMIT}")
        frame = body[start:at]
        if match_header(frame) is None:
            raise FrameError(f"frame {len(frames) + 1}: {_explain(frame)}")
        frames.append(frame)
    return frames


def read_message(frame: bytes) -> bytes:
    """Return what stands behind the header of `frame` and behind a nil STRUCTURED-DATA, its newline included."""
    return frame[_match_header(frame).end() :].removeprefix(_NIL_DATA)


def split_frame(frame: bytes) -> list[str]:
    """Return the fields of `frame`, PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID, and its message as a text.

    The message is without a nil STRUCTURED-DATA and a newline at its end, and safe to show.
    """
    header = _match_header(frame)[0].decode("ascii").rstrip(" ")
    first, *fields = header.split(" ")
    pri, _, version = first.removeprefix("<").partition(">")
    return [pri, version, *fields, show(read_message(frame).removesuffix(b"\n"))]


def read_timestamp(frame: bytes) -> float | None:
    """Return the time in `frame`'s header as seconds since 1970; None if it has none, or one that there is not."""
    text = frame.split(b" ", 2)[1].decode("ascii")
    try:
        return None if text == "-" else datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def format_frame(frame: bytes) -> str:
    """Return `frame` as one line that is safe on a terminal; a report of a loss is marked with `!!`."""
    message = read_message(frame)
    clock, hostname, appname, procid = (value.decode("ascii") for value in _match_header(frame).groups(b"-"))
    mark = "!! " if procid == "log-shuttle" and _REPORT.match(message) else ""
    shown = show(message.removesuffix(b"\n"))
    return f"{mark}{clock} {hostname} {appname}[{procid}]: {shown}"


def show(text: bytes) -> str:
    r"""Return `text` as a terminal may show it: control characters as `\x1b`, bytes that are not UTF-8 as `\xff`."""
    return escape(text.decode("utf-8", "backslashreplace"), keep="\t")


def _match_header(frame: bytes) -> re.Match[bytes]:
    header = _HEADER.match(frame)
    assert header, "parse_frames has checked it"
    return header


def _explain(frame: bytes) -> str:
    values = frame.split(b" ", len(_FIELDS))
    for (name, pattern), value in zip(_FIELDS.items(), values, strict=False):
        if not re.fullmatch(pattern, value):
            return f"its {name} is {_quote(value)}"
    return f"its header ends before the {list(_FIELDS)[len(values)]}"


def _quote(value: bytes) -> str:
    return f"'{show(value[:_SHOWN_QUOTE])}'" + ("..." if len(value) > _SHOWN_QUOTE else "")
