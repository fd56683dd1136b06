"""Growth: what was is forgotten, and what is there and idle costs nothing when something else happens."""

import gc
import shutil
from pathlib import Path

import anyio
import inotify_simple
import pytest

from shuttle.core.frame import Framer
from tests.helpers.following import append, soon
from tests.helpers.trial import LONG, Trial
from tests.helpers.virtual import virtual
from tests.helpers.work import work

SLACK = 1.5  # times; what is to grow as something else does may grow by so much more


async def let_pods_come_and_go(trial: Trial, pods: Path, count: int) -> None:
    for number in range(count):
        pod = pods / f"pod-{number}"
        pod.mkdir()
        trial.write(pod / "app.log", 1)
        await soon()
        shutil.rmtree(pod)
    await anyio.sleep(2 * LONG)


@virtual
async def test_headers_of_files_that_are_gone_are_forgotten(logs: Path) -> None:
    gc.collect()
    before = sum(isinstance(one, Framer) for one in gc.get_objects())
    async with Trial(logs / "*" / "*.log", procid="{path}") as trial:
        await let_pods_come_and_go(trial, logs, 50)
        gc.collect()
        left = sum(isinstance(one, Framer) for one in gc.get_objects()) - before
        await trial.expect_all()
    assert left < 10, f"{left} framers"


@virtual
async def test_directories_that_are_gone_are_forgotten(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing looks for them any more."""
    watched: set[str] = set()
    add_watch = inotify_simple.INotify.add_watch

    def note(self: inotify_simple.INotify, path: Path, mask: int) -> int:
        watched.add(str(path))
        result: int = add_watch(self, path, mask)
        return result

    async with Trial(logs / "*" / "*.log") as trial:
        await let_pods_come_and_go(trial, logs, 50)
        monkeypatch.setattr(inotify_simple.INotify, "add_watch", note)
        await anyio.sleep(LONG)
        await trial.expect_all()
    gone = {path for path in watched if "pod-" in path}
    assert len(gone) < 10, f"{len(gone)} directories"


@virtual
async def test_files_that_are_gone_cost_nothing(tmp_path: Path) -> None:
    """What a quiet minute takes does not grow with how many there were."""
    spent = []
    for count in (5, 50):
        pods = tmp_path / str(count)
        pods.mkdir()
        async with Trial(pods / "*" / "*.log", procid="{path}") as trial:
            await let_pods_come_and_go(trial, pods, count)
            with work() as done:
                await anyio.sleep(LONG)
            spent.append(done.calls)
    assert spent[1] < spent[0] * SLACK, f"{spent} calls"


@virtual
async def test_a_busy_file_that_nothing_matches_costs_no_look_at_idle_ones(tmp_path: Path) -> None:
    spent = []
    for count in (10, 200):
        logs = tmp_path / str(count)
        logs.mkdir()
        for number in range(count):
            (logs / f"{number}.log").touch()
        async with Trial(logs / "*.log") as trial:
            with work() as done:
                for _ in range(20):
                    append(logs / "busy.txt", b"foreign")
                    await anyio.sleep(0.05)
            spent.append(done.calls)
            await trial.expect_all()
    assert spent[1] < spent[0] * SLACK, f"{spent} calls"


@virtual
async def test_a_line_of_one_file_costs_no_look_at_idle_ones(tmp_path: Path) -> None:
    spent = []
    for count in (10, 200):
        logs = tmp_path / str(count)
        logs.mkdir()
        for number in range(count):
            (logs / f"{number}.log").touch()
        async with Trial(logs / "*.log") as trial:
            with work() as done:
                for _ in range(20):
                    trial.write(logs / "5.log", 1)
                    await anyio.sleep(0.05)
            spent.append(done.calls)
            await trial.expect_all()
    assert spent[1] < spent[0] * SLACK, f"{spent} calls"


@virtual
async def test_many_files_that_are_rotated_together_cost_as_much_each(tmp_path: Path) -> None:
    spent = []
    for count in (10, 80):
        logs = tmp_path / str(count)
        logs.mkdir()
        paths = [logs / f"{number}.log" for number in range(count)]
        trial = Trial(logs / "*.log")
        for path in paths:
            trial.write(path, 1)
        async with trial:
            for path in paths:
                path.rename(path.with_name(f"{path.name}.1"))
                trial.write(path, 1)
            with work() as done:
                await soon()
            spent.append(done.calls / count)
            await trial.expect_all()
    assert spent[1] < spent[0] * SLACK, f"{spent} calls a file"
