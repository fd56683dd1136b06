"""The parts that a configuration asks for, and what a start that fails leaves behind: nothing."""

import asyncio
import importlib.util
import threading
from pathlib import Path
from typing import Any

import pytest

from shuttle import Config, ConfigError, Shuttle
from tests.helpers.loops import on_every_loop

URL = "https://token:x@drain.example/"


def list_descriptors() -> set[str]:
    return {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


async def fail_to_start(**settings: Any) -> str:
    """Return the error of a start that does not go beyond its certificates."""
    with pytest.raises(ConfigError) as caught:
        async with Shuttle(Config(**{"logs_url": URL, "ca_file": Path("/dev/null"), **settings})):
            pytest.fail("it started")
    return str(caught.value)


@on_every_loop
async def test_a_missing_extra_is_named_with_its_install(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://zq9key:zq9secret@kinesis.us-east-1.amazonaws.com/logs"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert await fail_to_start(logs_url=url, ca_file=None) == (
        "-logs-url: kinesis.us-east-1.amazonaws.com needs the extra [aws]: pip install 'log-shuttle[aws]'"
    )


@pytest.mark.parametrize("kept", ["spool", "state_dir"])
@on_every_loop
async def test_a_failed_start_leaves_nothing_behind(kept: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {kept: tmp_path / "kept"}
    if kept == "state_dir":
        settings["file"] = (str(tmp_path / "app.log"),)
    descriptors, threads = list_descriptors(), threading.active_count()
    assert "-ca-file" in await fail_to_start(**settings)
    assert list_descriptors() - descriptors == set()
    assert threading.active_count() <= threads + 1  # anyio keeps a worker thread for later
    async with Shuttle(Config(logs_url="http://127.0.0.1:9/", land_timeout=0.1, **settings)):
        pass  # the directory is free


@on_every_loop
async def test_a_shuttle_may_be_entered_only_once() -> None:
    shuttle = Shuttle(Config(logs_url="http://127.0.0.1:9/"))
    async with shuttle:
        with pytest.raises(RuntimeError, match="once"):
            await shuttle.__aenter__()


@on_every_loop
async def test_two_tasks_cannot_enter_the_same_shuttle() -> None:
    shuttle = Shuttle(Config(logs_url="http://127.0.0.1:9/"))
    first = asyncio.create_task(shuttle.__aenter__())
    second = asyncio.create_task(shuttle.__aenter__())
    await first
    with pytest.raises(RuntimeError, match="once"):
        await second
    await shuttle.__aexit__(None, None, None)


@on_every_loop
async def test_a_shuttle_that_was_not_entered_cannot_be_left() -> None:
    with pytest.raises(RuntimeError, match="enter the shuttle first"):
        await Shuttle(Config(logs_url="http://127.0.0.1:9/")).__aexit__(None, None, None)
