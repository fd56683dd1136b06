"""Links that whoever owns a directory of logs puts there: nobody has a file read that he cannot read himself."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from tests.helpers.following import append, soon
from tests.helpers.planted import AS_ROOT, OTHER, link
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual

pytestmark = AS_ROOT

SECRET = b"root:*:19000:0:99999:7:::\nalice:the secret:19000::\n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that root alone can read."""
    path = tmp_path / "shadow"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return path


def truncate(log: Path, plant: Callable[[], object]) -> None:
    plant()
    os.truncate(log, 0)
    append(log, b"new")


def truncate_first(log: Path, plant: Callable[[], object]) -> None:
    os.truncate(log, 0)
    plant()
    append(log, b"new")


def replace(log: Path, plant: Callable[[], object]) -> None:
    log.unlink()
    plant()
    append(log, b"new")


@pytest.mark.parametrize("known", [b"root:", b"root:*:19000:0:99999:7:::\n", b"r", b""])
@pytest.mark.parametrize("rotate", [truncate, truncate_first, replace])
@pytest.mark.parametrize("pattern", ["app.log", "*.log"])
@pytest.mark.parametrize("keeps", [True, False], ids=["state", "no state"])
@pytest.mark.parametrize("ending", ["", ".gz"])
@both
@virtual
async def test_a_link_that_looks_like_a_rotated_file_is_not_followed(
    log: Path,
    state: Path,
    secret: Path,
    *,
    ending: str,
    keeps: bool,
    pattern: str,
    rotate: Callable[..., None],
    known: bytes,
    down: bool,
) -> None:
    if ending:
        secret.write_bytes(gzip.compress(SECRET))
    os.chown(log.parent, OTHER, OTHER)
    log.write_bytes(known)
    os.chown(log, OTHER, OTHER)
    settings = {"state_dir": state} if keeps else {}
    async with Trial(log.with_name(pattern), partial_timeout=1.0, **settings) as trial:
        await soon()
        async with trial.away(down):
            rotate(log, lambda: link(log.with_name(f"app.log.1{ending}"), secret, OTHER))
        await anyio.sleep(LONG)
        assert not [line for line in trial.lines if b"secret" in line]
        assert b"new" in trial.lines


@both
@virtual
async def test_a_link_of_the_application_to_its_own_rotated_file_is_followed(
    log: Path, state: Path, tmp_path: Path, down: bool
) -> None:
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 10)
        await soon()
        async with trial.away(down):
            trial.write(log, 10)
            log.rename(tmp_path / "archived")
            os.chown(tmp_path / "archived", OTHER, OTHER)
            link(log.with_name("app.log.1"), tmp_path / "archived", OTHER)
            trial.write(log, 10)
        await trial.expect_all(LONG, ordered=True)


@pytest.mark.parametrize("plant", ["file", "directory", "link to nothing", "link to the secret"])
@pytest.mark.parametrize("pattern", ["*.log", "[abc]pp.log", "**/app.log"])
@both
@virtual
async def test_what_is_named_like_the_pattern_hides_nothing(
    log: Path, state: Path, secret: Path, *, pattern: str, plant: str, down: bool
) -> None:
    name = log.parent / pattern.partition("/")[0]
    async with Trial(log.parent / pattern, state_dir=state) as trial:
        trial.write(log, 10)
        await soon()
        async with trial.away(down):
            if plant == "file":
                name.touch()
            elif plant == "directory":
                name.mkdir()
            else:
                link(name, secret if "secret" in plant else "/nowhere", OTHER)
            trial.write(log, 10)
        await trial.expect_all(LONG)
