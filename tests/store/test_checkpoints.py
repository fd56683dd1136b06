"""The store of checkpoints: what was recorded is there after a restart, however the agent ended."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shuttle.core.fingerprint import Fingerprint
from shuttle.errors import ConfigError
from shuttle.store.checkpoint_table import Checkpoint, Plan
from shuttle.store.checkpoints import FILE, Checkpoints
from tests.helpers.checkpoints import State, kill, make_fingerprint, make_plan, opened, read, restart
from tests.helpers.disks import make_scratch
from tests.helpers.process import LONGEST
from tests.helpers.virtual import Journal

PATHS = [
    Path("app.log"),
    Path("/var/log/app.log"),
    Path("Grüße"),
    Path("\U0001f600.log"),
    Path(os.fsdecode(b"\xff\n\xe4")),
]

fingerprints = st.builds(
    Fingerprint,
    device=st.integers(0, 2**64 - 1),
    inode=st.integers(0, 2**64 - 1),
    offset=st.integers(0, 2**63 - 1),
    head_length=st.integers(0, 1024),
    head=st.binary(min_size=16, max_size=16),
    tail=st.binary(min_size=16, max_size=16),
)


class Model(RuleBasedStateMachine):
    """A store beside plain dictionaries. After each call it is what they are, and so is what a restart would find."""

    def __init__(self) -> None:
        super().__init__()
        self.place = make_scratch()
        self.directory = Path(self.place.name, "state")
        self.journal = Journal()
        self.files: dict[int, Checkpoint] = {}
        self.plans: dict[str, Plan] = {}
        self.planned = 0
        self.start()

    def start(self) -> None:
        self.store = Checkpoints.open(self.directory, self.journal)

    def pick(self, choice: int) -> int | None:
        """Return the number of some file."""
        return list(self.files)[choice % len(self.files)] if self.files else None

    @rule(path=st.sampled_from(PATHS), fingerprint=fingerprints)
    def enroll(self, path: Path, fingerprint: Fingerprint) -> None:
        number = self.store.enroll(path, fingerprint)
        assert number > max(self.files, default=0)
        self.files[number] = Checkpoint(number, str(path), fingerprint)

    @rule(
        planned=st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=3), max_size=3),
        settled=st.sets(st.integers(0, 9)),
        read_on=st.dictionaries(st.integers(0, 99), fingerprints, max_size=3),
    )
    def record(self, planned: list[list[int]], settled: set[int], read_on: dict[int, Fingerprint]) -> None:
        """The spans of `planned` are in some of the files; `settled` are places in what is then planned."""
        plans = []
        for choices in planned:
            self.planned += 1
            plans.append(make_plan(self.planned, *{self.pick(choice) or 1 for choice in choices}))
        self.plans |= {plan.id: plan for plan in plans}
        ids = [id_ for place, id_ in enumerate(self.plans) if place in settled]
        found = {number: fingerprint for choice, fingerprint in read_on.items() if (number := self.pick(choice))}
        self.store.record(planned=plans, settled=[*ids, "f" * 32], fingerprints={**found, 10**6: make_fingerprint()})
        for id_ in ids:
            del self.plans[id_]
        self.files |= {number: self.files[number]._replace(fingerprint=new) for number, new in found.items()}

    @rule(choice=st.integers(0, 99))
    def forget(self, choice: int) -> None:
        if number := self.pick(choice):
            self.store.forget(number)
            del self.files[number]
            for id_, plan in list(self.plans.items()):
                self.plans[id_] = plan._replace(spans=tuple(span for span in plan.spans if span.file != number))
                if not self.plans[id_].spans:
                    del self.plans[id_]

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.start()

    @rule()
    def kill(self) -> None:
        """What a kill would leave is what the next agent begins with."""
        left = self.directory.with_name("left")
        shutil.copytree(self.directory, left)
        self.store.close()
        shutil.rmtree(self.directory)
        left.rename(self.directory)
        self.start()

    @property
    def state(self) -> State:
        return State(list(self.files.values()), list(self.plans.values()))

    @invariant()
    def the_store_has_what_was_recorded(self) -> None:
        assert read(self.store) == self.state
        assert kill(self.directory) == self.state
        assert self.journal.events == []

    def teardown(self) -> None:
        self.store.close()
        assert restart(self.directory) == self.state
        self.place.cleanup()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40, stateful_step_count=20)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "made" / "state"


def test_a_new_directory_has_no_checkpoints(directory: Path) -> None:
    assert restart(directory) == State([], [])
    assert restart(directory) == State([], [])


def test_a_restart_at_any_point_finds_what_was_recorded(directory: Path) -> None:
    """Each call by itself, in the order in which an agent makes them."""
    with opened(directory) as store:
        first, second = store.enroll(Path("a"), make_fingerprint()), store.enroll(Path("b"), make_fingerprint(inode=8))
        a, b = Checkpoint(first, "a", make_fingerprint()), Checkpoint(second, "b", make_fingerprint(inode=8))
        assert kill(directory) == State([a, b], [])

        plans = [make_plan(1, first), make_plan(2, first, second), make_plan(3, second)]
        a, b = a._replace(fingerprint=make_fingerprint(200)), b._replace(fingerprint=make_fingerprint(300, inode=8))
        store.record(planned=plans, fingerprints={first: a.fingerprint, second: b.fingerprint})
        assert kill(directory) == State([a, b], plans)

        store.record(settled=[plans[0].id])
        assert kill(directory) == State([a, b], plans[1:])

        store.forget(first)
        assert kill(directory) == State([b], [make_plan(2, second), plans[2]])

        store.record(settled=[plans[2].id, plans[1].id])
        assert kill(directory) == State([b], [])

        store.forget(second)
        assert kill(directory) == State([], [])
    assert restart(directory) == State([], [])


def test_numbers_go_on_after_a_restart(directory: Path) -> None:
    with opened(directory) as store:
        numbers = [store.enroll(Path("a"), make_fingerprint()) for _ in range(3)]
        store.forget(numbers[1])
    with opened(directory) as store:
        assert store.enroll(Path("b"), make_fingerprint()) > numbers[2]


def test_a_number_is_never_given_twice(directory: Path) -> None:
    with opened(directory) as store:
        number = store.enroll(Path("a"), make_fingerprint())
        store.forget(number)
        assert store.enroll(Path("a"), make_fingerprint()) > number


def test_a_plan_settled_in_the_same_call_is_not_kept(directory: Path) -> None:
    with opened(directory) as store:
        plan = make_plan(1, 1)
        store.record(planned=[plan, make_plan(2, 1)], settled=[plan.id])
        assert store.plans() == [make_plan(2, 1)]
    assert restart(directory).plans == [make_plan(2, 1)]


def test_plans_stay_in_their_order_over_restarts(directory: Path) -> None:
    """Whatever their ids."""
    plans = [make_plan(number, 1) for number in (5, 1, 9, 3)]
    for plan in plans:
        with opened(directory) as store:
            store.record(planned=[plan])
    assert restart(directory).plans == plans


def test_many_plans_of_many_spans_are_kept(directory: Path) -> None:
    plans = [make_plan(number, *range(1, 501)) for number in range(30)]
    with opened(directory) as store:
        store.record(planned=plans)
        assert kill(directory).plans == plans
    assert restart(directory).plans == plans


@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_a_path_may_be_of_any_bytes(path: Path, directory: Path) -> None:
    with opened(directory) as store:
        number = store.enroll(path, make_fingerprint())
    assert restart(directory).files == [Checkpoint(number, str(path), make_fingerprint())]


def test_the_directory_may_have_a_name_of_any_bytes(tmp_path: Path) -> None:
    directory = tmp_path / os.fsdecode(b"\xff ?#%00")
    with opened(directory) as store:
        store.record(planned=[make_plan(1, 1)])
    assert restart(directory).plans == [make_plan(1, 1)]
    assert (directory / FILE).is_file()


def test_without_a_directory_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(None) as store:
        numbers = [store.enroll(path, make_fingerprint()) for path in PATHS]
        assert len(set(numbers)) == len(PATHS)
        store.record(planned=[make_plan(1, 1)], fingerprints={numbers[0]: make_fingerprint(5)})
        store.forget(numbers[0])
        assert read(store) == State([], [])
    assert list(tmp_path.iterdir()) == []


def test_the_directory_is_private(tmp_path: Path) -> None:
    """Whatever the umask, while the agent runs and after it."""
    before = os.umask(0)
    try:
        directory = tmp_path / "state"
        with opened(directory) as store:
            store.record(planned=[make_plan(1, 1)])
            running = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {FILE, f"{FILE}-wal"} < set(running)
    assert set(running.values()) == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_a_second_agent_is_refused_and_the_first_goes_on(directory: Path) -> None:
    with opened(directory) as store:
        with pytest.raises(ConfigError) as caught:
            Checkpoints.open(directory, Journal())
        store.record(planned=[make_plan(1, 1)])
    assert str(caught.value).startswith("-state-dir '")
    assert "in use by another log-shuttle" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert restart(directory).plans == [make_plan(1, 1)]


@pytest.mark.parametrize("place", ["file", "file/state", "/proc/state"])
def test_a_directory_that_cannot_be_made_is_one_line(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ConfigError, match=r"^-state-dir '.*must be a directory that can be created and written \(.+\)$"
    ):
        Checkpoints.open(tmp_path / place, Journal())


RECORDER = """
import sys
from pathlib import Path
from shuttle.store.checkpoints import Checkpoints
from shuttle.observe.log import SILENT
from tests.helpers.checkpoints import make_fingerprint, make_plan

store = Checkpoints.open(Path(sys.argv[1]), SILENT)
number = store.files()[0].fingerprint.offset if store.files() else 0
file = store.files()[0].number if number else store.enroll(Path("a"), make_fingerprint(0))
while True:
    number += 1
    settled = [make_plan(number - 3, file).id]
    store.record(planned=[make_plan(number, file)], settled=settled, fingerprints={file: make_fingerprint(number)})
    print(number, flush=True)
"""


@pytest.mark.process
def test_kill_9_loses_nothing_recorded(directory: Path) -> None:
    """Each call has planned a batch, settled the third before it and moved the file on; again and again."""
    for calls in (1, 2, 10, 300, 3000):
        command = [sys.executable, "-c", RECORDER, str(directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as recorder:
            assert recorder.stdout
            said = [int(recorder.stdout.readline()) for _ in range(calls)]
            recorder.kill()
            rest = recorder.stdout.read()
            recorder.wait(LONGEST)
        said += map(int, rest[: rest.rfind("\n") + 1].split())
        files, plans = restart(directory)
        number = files[0].fingerprint.offset
        assert number - said[-1] in {0, 1}  # it may have been killed before it could say so
        assert files == [Checkpoint(1, "a", make_fingerprint(number))]
        assert plans == [make_plan(recent, 1) for recent in range(max(1, number - 2), number + 1)]
