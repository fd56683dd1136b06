"""The parts that a configuration asks for."""

import importlib.util

import pytest

from shuttle.assembly import make_drain
from shuttle.core.frame import Framer
from shuttle.errors import ConfigError
from tests.helpers.frames import make_config


def test_without_the_extra_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(logs_url="https://zq9key:zq9secret@kinesis.us-east-1.amazonaws.com/logs")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        make_drain(config, Framer(config.framing), lambda: 0.0)
    assert str(caught.value) == (
        "-logs-url: kinesis.us-east-1.amazonaws.com needs the extra [aws]: pip install 'log-shuttle[aws]'"
    )
