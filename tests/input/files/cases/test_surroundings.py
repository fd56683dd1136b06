"""What stands around a file and is odd: hidden files, closed directories, links, mounts. None of it ends the agent."""

import os
import signal
from pathlib import Path

import anyio
import pytest
import trustme

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.disks import NOBODY, mounted, reachable, without_rights
from tests.helpers.following import append, soon
from tests.helpers.process import start
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while, and back")


@pytest.mark.parametrize("name", [".app.log.swp", ".swp", "..log", ".1.log", ".gz"])
@both
@virtual
async def test_a_hidden_file_that_appears_ends_nothing(log: Path, state: Path, name: str, down: bool) -> None:
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 1)
        async with trial.away(down):
            append(log.with_name(name), b"foreign")
        trial.write(log, 1)
        await trial.expect_all(LONG)


@as_root
@pytest.mark.parametrize("path", ["closed/app.log", "closed/*.log", "*/app.log"])
@virtual
async def test_a_directory_that_may_not_be_entered_stops_no_other_file(path: str) -> None:
    with reachable() as place:
        closed, log = place / "closed", place / "open" / "app.log"
        closed.mkdir()
        log.parent.mkdir()
        log.parent.chmod(0o755)
        log.touch()
        append(closed / "app.log", b"foreign")
        async with Trial(log):  # what is loaded late is loaded by who may read it
            pass
        closed.chmod(0)
        with without_rights():
            async with Trial(place / path, log) as trial:
                os.seteuid(0)
                trial.write(log, 1)
                os.seteuid(NOBODY)
                await trial.expect_all(LONG)
        assert trial.log.about(closed)


@as_root
@virtual
async def test_a_mount_in_a_directory_that_may_not_be_entered_ends_nothing() -> None:
    """It may be listed and watched, and what the mount is cannot be told."""
    with reachable() as place:
        closed, log = place / "closed", place / "app.log"
        closed.mkdir()
        log.touch()
        async with Trial(log):  # what is loaded late is loaded by who may read it
            pass
        with mounted(closed / "mount", "size=1m"):
            closed.chmod(0o444)
            with without_rights():
                async with Trial(closed / "*.log", log) as trial:
                    os.seteuid(0)
                    trial.write(log, 1)
                    os.seteuid(NOBODY)
                    await trial.expect_all(LONG)


@as_root
@virtual
async def test_a_directory_that_is_closed_meanwhile_stops_no_other_file() -> None:
    with reachable() as place:
        first, log = place / "first" / "app.log", place / "second" / "app.log"
        for path in (first, log):
            path.parent.mkdir()
            path.parent.chmod(0o755)
            path.touch()
        async with Trial(log):  # as above
            pass
        with without_rights():
            async with Trial(place / "*" / "*.log") as trial:
                os.seteuid(0)
                trial.write(first, 1)
                os.seteuid(NOBODY)
                await soon()
                os.seteuid(0)
                first.parent.chmod(0)
                trial.write(log, 1)
                os.seteuid(NOBODY)
                await anyio.sleep(LONG)
                os.seteuid(0)
                first.parent.chmod(0o755)
                trial.write(first, 1)
                os.seteuid(NOBODY)
                await trial.expect_all(LONG)


@both
@virtual
async def test_the_target_of_a_link_that_was_let_go_may_be_written(
    tmp_path: Path, logs: Path, state: Path, down: bool
) -> None:
    target, link = tmp_path / "elsewhere" / "target", logs / "x.log"
    target.parent.mkdir()
    target.touch()
    link.symlink_to(target)
    async with Trial(logs / "*.log", state_dir=state) as trial:
        trial.write(target, 1)
        await soon()
        async with trial.away(down):
            link.unlink()
        await anyio.sleep(LONG)
        append(target, b"foreign by now")
        trial.write(logs / "other.log", 1)
        await trial.expect_all(LONG)


@pytest.mark.process
def test_a_ca_file_that_is_missing_when_a_new_file_appears_ends_nothing(tmp_path: Path, logs: Path) -> None:
    """The start has read it, and a new file has a header of its own."""
    authority, own, trusted = trustme.CA(), tmp_path / "drain.pem", tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(own)
    authority.cert_pem.write_to_path(trusted)
    flags = ("-ca-file", str(trusted), "-file", str(logs / "*.log"), "-from", "beginning", "-procid", "{path}")
    append(logs / "first.log", b"one")
    with LocalDrain(Behaviour(cert=own)) as drain, start("-logs-url", drain.url, *flags) as agent:
        assert drain.wait_for(messages=1)
        trusted.unlink()
        append(logs / "second.log", b"two")
        assert drain.wait_for(messages=2)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 0
