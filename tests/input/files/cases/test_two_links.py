"""Two links to one file: it is sent once, and what becomes of either is noticed at once."""

from pathlib import Path

from tests.helpers.following import soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


@both
@virtual
async def test_a_link_is_followed_when_another_to_its_target_is_removed(
    tmp_path: Path, logs: Path, state: Path, down: bool
) -> None:
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    target.touch()
    for name in ("a.log", "b.log"):
        (logs / name).symlink_to(target)
    async with Trial(logs / "*.log", state_dir=state, from_="end") as trial:
        async with trial.away(down):
            (logs / "b.log").unlink()
        trial.write(target, 1)
        await soon()
        assert trial.sums.missing == 0, str(trial.sums)


@virtual
async def test_each_of_two_links_to_one_file_is_noticed_at_once(tmp_path: Path, logs: Path) -> None:
    """Both are named, and so both are followed: the file is sent once, as soon as it is written."""
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    target.touch()
    links = [logs / "a.log", logs / "b.log"]
    for link in links:
        link.symlink_to(target)
    async with Trial(*links, from_="end") as trial:
        trial.write(target, 1)
        await soon()
        assert trial.sums.missing == 0, str(trial.sums)
        for link in links:
            link.unlink()
            link.symlink_to(logs / f"{link.name}, new")
        trial.write(logs / "a.log, new", 1)
        trial.write(logs / "b.log, new", 1)
        await soon()
        assert trial.sums.missing == 0, str(trial.sums)
        await trial.expect_all(LONG)
