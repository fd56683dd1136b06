"""The batches on the disk: what was put there is there, in order, for the next process too."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shuttle.config import MIB
from shuttle.core.batch import Batch
from shuttle.errors import ConfigError
from shuttle.observe.log import SILENT
from shuttle.store.backlog import NAME, Backlog, DiskFault
from shuttle.store.batch_table import PAGE, StoredBatch, measure
from tests.helpers.batches import make_batch
from tests.helpers.disks import make_scratch

PLENTY = 1 << 40
FILES = f"{NAME}.sqlite*"
EPOCH = 1_000_000.0  # seconds since it when the clock of a test was 0


@contextmanager
def opened(directory: Path, most_bytes: int = PLENTY, wall: float = EPOCH) -> Iterator[Backlog]:
    backlog = Backlog.open(directory, most_bytes=most_bytes, log=SILENT, wall=lambda: wall, clock=lambda: 0.0)
    try:
        yield backlog
    finally:
        backlog.close()


def write(backlog: Backlog, batches: Sequence[Batch], remove: Sequence[int]) -> list[int] | DiskFault:
    """Add batches that have no keys yet."""
    return backlog.write([StoredBatch(0, batch) for batch in batches], remove)


def read_all(backlog: Backlog) -> dict[int, Batch]:
    rows: dict[int, Batch] = {}
    while True:
        more = backlog.read(max(rows, default=0), 1000)
        assert isinstance(more, list)
        if not more:
            return rows
        rows.update(more)


def test_the_next_process_reads_what_was_written(tmp_path: Path) -> None:
    batches = {key: make_batch(key, 1000 * key, lines=key, born=5.0 * key) for key in range(1, 6)}
    with opened(tmp_path) as backlog:
        assert write(backlog, list(batches.values()), []) == list(batches)
        assert read_all(backlog) == batches
        assert (backlog.batches, backlog.lines, backlog.last_key) == (5, 15, 5)
    with opened(tmp_path, wall=EPOCH + 100) as backlog:
        assert read_all(backlog) == {
            key: batch._replace(again=True, born=batch.born - 100) for key, batch in batches.items()
        }
        assert (backlog.batches, backlog.lines, backlog.last_key) == (5, 15, 5)
        assert backlog.oldest == EPOCH + 5
        assert write(backlog, [make_batch(6)], [1, 2]) == [6]
        assert [key for key, batch in read_all(backlog).items() if not batch.again] == [6]
        assert backlog.oldest == EPOCH + 15


def test_a_reading_has_one_batch_or_as_many_bytes_as_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path) as backlog:
        write(backlog, [make_batch(key, 10_000) for key in range(1, 10)], [])
        for most, keys in ((1, [1]), (10_000, [1]), (25_000, [1, 2, 3]), (PLENTY, list(range(1, 10)))):
            rows = backlog.read(0, most)
            assert isinstance(rows, list)
            assert [key for key, _ in rows] == keys
        assert backlog.read(9, PLENTY) == []


class AgainstADictionary(RuleBasedStateMachine):
    """Whatever is added and removed, and however the process ends, what is read is what a dictionary would have."""

    def __init__(self) -> None:
        super().__init__()
        self.place = make_scratch()
        self.directory = Path(tempfile.mkdtemp(dir=self.place.name))
        self.model: dict[int, Batch] = {}
        self.open()

    def open(self) -> None:
        self.backlog = Backlog.open(
            self.directory, most_bytes=PLENTY, log=SILENT, wall=lambda: EPOCH, clock=lambda: 0.0
        )

    @rule(lengths=st.lists(st.sampled_from([3, 10, PAGE, 100_000]), max_size=5), removed=st.sets(st.integers(0, 30)))
    def change(self, lengths: list[int], removed: set[int]) -> None:
        added = [make_batch(self.backlog.last_key + number, length) for number, length in enumerate(lengths, 1)]
        keys = write(self.backlog, added, sorted(removed))
        assert isinstance(keys, list)
        self.model = {key: batch for key, batch in self.model.items() if key not in removed} | dict(
            zip(keys, added, strict=True)
        )

    @rule()
    def close(self) -> None:
        self.backlog.close()
        self.open()

    @rule()
    def kill(self) -> None:
        """Go on with the files as they are, which nobody has closed."""
        left = Path(tempfile.mkdtemp(dir=self.place.name))
        for path in self.directory.iterdir():
            shutil.copy(path, left)
        self.backlog.close()
        shutil.rmtree(self.directory)
        self.directory = left
        self.open()

    @invariant()
    def agrees(self) -> None:
        found = read_all(self.backlog)
        assert {key: batch._replace(again=False) for key, batch in found.items()} == self.model
        assert (self.backlog.batches, self.backlog.lines) == (len(self.model), len(self.model))
        assert self.backlog.bytes == sum(map(measure, self.model.values()))

    def teardown(self) -> None:
        self.backlog.close()
        self.place.cleanup()


def test_it_agrees_with_a_dictionary() -> None:
    run_state_machine_as_test(AgainstADictionary, settings=settings(max_examples=25, stateful_step_count=15))


@pytest.mark.parametrize("length", [300, 60_000, 300_000])
def test_the_files_are_not_much_larger_than_what_is_counted(tmp_path: Path, length: int) -> None:
    with opened(tmp_path, 20 * MIB) as backlog:
        while backlog.room >= measure(make_batch(0, length)):
            assert isinstance(write(backlog, [make_batch(number, length) for number in range(5)], []), list)
        assert backlog.bytes <= 20 * MIB + 5 * (length + PAGE)
        running = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert running < 1.05 * 20 * MIB + 8 * MIB  # and SQLite's log
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size < 1.05 * 20 * MIB


def test_an_empty_one_gives_the_disk_back(tmp_path: Path) -> None:
    with opened(tmp_path) as backlog:
        write(backlog, [make_batch(key, 500_000) for key in range(1, 41)], [])
        write(backlog, [], list(range(1, 40)))
        assert backlog.batches == 1
        assert sum(path.stat().st_size for path in tmp_path.glob(FILES)) > 20_000_000
        write(backlog, [], [40])
        assert sum(path.stat().st_size for path in tmp_path.glob(FILES)) < 200_000
        write(backlog, [make_batch(41)], [])
        assert list(read_all(backlog)) == [41]


def test_the_reserve_is_kept_again_when_somebody_has_given_it_away(tmp_path: Path) -> None:
    reserve = tmp_path / f"{NAME}.reserve"
    with opened(tmp_path) as backlog:
        reserve.unlink()
        assert backlog.check() is None
        assert reserve.stat().st_size == 2 * MIB
        os.truncate(reserve, 0)
        assert backlog.check() is None
        assert reserve.stat().st_size == 2 * MIB


def test_all_of_it_is_the_user_s_alone(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "spool"
    with opened(directory) as backlog:
        write(backlog, [make_batch(1)], [])
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_a_second_agent_on_it_is_told_so(tmp_path: Path) -> None:
    told = pytest.raises(ConfigError, match=r"^-spool .*: is in use by another log-shuttle")
    with opened(tmp_path), told, opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


def test_a_path_below_a_file_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = pytest.raises(ConfigError, match=r"^-spool .*: must be a directory that can be created and written")
    with told, opened(tmp_path / "file" / "spool"):
        pass


_FLOOD = """
import resource, sys
from pathlib import Path
from shuttle.store.backlog import Backlog
from shuttle.store.batch_table import StoredBatch
from shuttle.observe.log import SILENT
from tests.helpers.batches import make_batch
backlog = Backlog.open(Path(sys.argv[1]), most_bytes=1 << 40, log=SILENT, wall=lambda: 0.0, clock=lambda: 0.0)
for key in range(1, int(sys.argv[2])):
    backlog.write([StoredBatch(0, make_batch(key, 100_000))], [])
after = 0
while rows := backlog.read(after, 1_000_000):
    after = rows[-1][0]
backlog.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_it(tmp_path: Path) -> None:
    peaks = []
    for count in (20, 1500):
        command = [sys.executable, "-c", _FLOOD, str(tmp_path / f"{NAME}-{count}"), str(count)]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True).stdout))
    assert peaks[1] < 1.25 * peaks[0]
