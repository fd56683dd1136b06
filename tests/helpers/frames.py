"""Makes framers and reads what they write, by the octet counts alone."""

import re
from typing import Any

from shuttle.config import Config
from shuttle.core.frame import Framer
from shuttle.core.lines import NewlineSplitter, Splitter
from shuttle.core.octet_counting import LengthSplitter

STAMP = "2023-11-14T22:13:20.000000+00:00"
HEADER = f"<190>1 {STAMP} shuttle token shuttle - - ".encode()  # at the defaults
_LENGTH = re.compile(rb"[1-9][0-9]* ")


def make_config(**settings: Any) -> Config:
    return Config(**{"logs_url": "https://drain.example/", **settings})


def make_framer(**settings: Any) -> Framer:
    return Framer(make_config(**settings).framing)


def make_splitter(framer: Framer, input_format: str = "raw") -> Splitter:
    """Return the splitter that feeds `framer`."""
    return LengthSplitter(framer.line_limit) if input_format == "lprfc5424" else NewlineSplitter(framer.line_limit)


def frame_input(data: bytes, **settings: Any) -> bytes:
    """Return what becomes of input bytes, all read at once, on the wire."""
    framer = make_framer(**settings)
    splitter = make_splitter(framer, settings.get("input_format", "raw"))
    return framer.frame(splitter.feed(data) + splitter.finish(), STAMP).body


def walk(body: bytes) -> list[bytes]:
    """Return the frames of `body` without their lengths; a byte too many or too few is an error."""
    frames = []
    place = 0
    while place < len(body):
        length = _LENGTH.match(body, place)
        assert length, f"no length at {place}"
        place = length.end() + int(length[0])
        assert place <= len(body), "the last frame is cut off"
        frames.append(body[length.end() : place])
    return frames


def read_messages(body: bytes, header: bytes = HEADER) -> list[bytes]:
    """Return the messages of raw lines' frames, each of which ends in its only newline."""
    frames = walk(body)
    assert all(frame.startswith(header) and frame.index(b"\n") == len(frame) - 1 for frame in frames)
    return [frame[len(header) : -1] for frame in frames]
