"""The store of checkpoints: what was recorded is there after a restart, however the agent ended."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shuttle.core.batch import Span
from shuttle.core.fingerprint import Identity
from shuttle.errors import ConfigError
from shuttle.store.checkpoints import FILE, Known, Plan, Store
from tests.helpers.process import LONGEST
from tests.helpers.virtual import Journal

STAMP = "2026-11-24T05:14:21.767000+00:00"
PATHS = [
    Path("app.log"),
    Path("/var/log/app.log"),
    Path("Grüße"),
    Path("\U0001f600.log"),
    Path(os.fsdecode(b"\xff\n\xe4")),
]

identities = st.builds(
    Identity,
    device=st.integers(0, 2**64 - 1),
    inode=st.integers(0, 2**64 - 1),
    offset=st.integers(0, 2**63 - 1),
    head_length=st.integers(0, 1024),
    head=st.binary(min_size=16, max_size=16),
    tail=st.binary(min_size=16, max_size=16),
)


class State(NamedTuple):
    files: list[Known]
    plans: list[Plan]


def make_identity(offset: int = 0, inode: int = 7) -> Identity:
    return Identity(1, inode, offset, min(offset, 1024), b"h" * 16, b"t" * 16)


def make_plan(number: int, *files: int) -> Plan:
    spans = tuple(Span(file, 100 * number, 100 * number + 100, 3, STAMP) for file in files)
    return Plan(f"{number:032x}", spans)


@contextlib.contextmanager
def opened(directory: Path | None, *, quiet: bool = True) -> Iterator[Store]:
    """Open a store, and close it at the end; if it is to be `quiet`, it must not log."""
    journal = Journal()
    store = Store(directory, journal)
    store.open()
    try:
        yield store
    finally:
        store.close()
    assert not quiet or journal.events == []


def read(store: Store) -> State:
    return State(store.files(), store.plans())


def restart(directory: Path) -> State:
    """Return what an agent finds that starts after this one has ended."""
    with opened(directory) as store:
        return read(store)


def kill(directory: Path) -> State:
    """Return what an agent would find if this one were killed now: all that was written is in the files."""
    with tempfile.TemporaryDirectory() as place:
        return restart(Path(shutil.copytree(directory, Path(place, "state"))))


class Model(RuleBasedStateMachine):
    """A store beside plain dictionaries. After each call it is what they are, and so is what a restart would find."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.directory = Path(self.place.name, "state")
        self.journal = Journal()
        self.files: dict[int, Known] = {}
        self.plans: dict[str, Plan] = {}
        self.planned = 0
        self.start()

    def start(self) -> None:
        self.store = Store(self.directory, self.journal)
        self.store.open()

    def pick(self, choice: int) -> int | None:
        """Return the number of some file."""
        return list(self.files)[choice % len(self.files)] if self.files else None

    @rule(path=st.sampled_from(PATHS), identity=identities)
    def enroll(self, path: Path, identity: Identity) -> None:
        number = self.store.enroll(path, identity)
        assert number > max(self.files, default=0)
        self.files[number] = Known(number, str(path), identity)

    @rule(
        planned=st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=3), max_size=3),
        settled=st.sets(st.integers(0, 9)),
        read_on=st.dictionaries(st.integers(0, 99), identities, max_size=3),
    )
    def record(self, planned: list[list[int]], settled: set[int], read_on: dict[int, Identity]) -> None:
        """The spans of `planned` are in some of the files; `settled` are places in what is then planned."""
        plans = []
        for choices in planned:
            self.planned += 1
            plans.append(make_plan(self.planned, *{self.pick(choice) or 1 for choice in choices}))
        self.plans |= {plan.id: plan for plan in plans}
        ids = [id_ for place, id_ in enumerate(self.plans) if place in settled]
        found = {number: identity for choice, identity in read_on.items() if (number := self.pick(choice))}
        self.store.record(planned=plans, settled=[*ids, "f" * 32], identities={**found, 10**6: make_identity()})
        for id_ in ids:
            del self.plans[id_]
        self.files |= {number: self.files[number]._replace(identity=identity) for number, identity in found.items()}

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
TestModel.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "made" / "state"


def test_a_new_directory_has_no_checkpoints(directory: Path) -> None:
    assert restart(directory) == State([], [])
    assert restart(directory) == State([], [])


def test_at_every_point_a_restart_finds_what_was_recorded_before_it(directory: Path) -> None:
    """Each call by itself, in the order in which an agent makes them."""
    with opened(directory) as store:
        first, second = store.enroll(Path("a"), make_identity()), store.enroll(Path("b"), make_identity(inode=8))
        a, b = Known(first, "a", make_identity()), Known(second, "b", make_identity(inode=8))
        assert kill(directory) == State([a, b], [])

        plans = [make_plan(1, first), make_plan(2, first, second), make_plan(3, second)]
        a, b = a._replace(identity=make_identity(200)), b._replace(identity=make_identity(300, inode=8))
        store.record(planned=plans, identities={first: a.identity, second: b.identity})
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
        numbers = [store.enroll(Path("a"), make_identity()) for _ in range(3)]
        store.forget(numbers[1])
    with opened(directory) as store:
        assert store.enroll(Path("b"), make_identity()) > numbers[2]


def test_a_number_is_not_given_twice_by_one_agent(directory: Path) -> None:
    with opened(directory) as store:
        number = store.enroll(Path("a"), make_identity())
        store.forget(number)
        assert store.enroll(Path("a"), make_identity()) > number


def test_a_plan_that_is_settled_in_the_same_call_is_not_kept(directory: Path) -> None:
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


def test_a_plan_of_many_spans_and_many_plans_at_once_are_kept(directory: Path) -> None:
    plans = [make_plan(number, *range(1, 501)) for number in range(30)]
    with opened(directory) as store:
        store.record(planned=plans)
        assert kill(directory).plans == plans
    assert restart(directory).plans == plans


@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_a_path_may_be_of_any_bytes(path: Path, directory: Path) -> None:
    with opened(directory) as store:
        number = store.enroll(path, make_identity())
    assert restart(directory).files == [Known(number, str(path), make_identity())]


def test_the_directory_may_have_a_name_of_any_bytes(tmp_path: Path) -> None:
    directory = tmp_path / os.fsdecode(b"\xff ?#%00")
    with opened(directory) as store:
        store.record(planned=[make_plan(1, 1)])
    assert restart(directory).plans == [make_plan(1, 1)]
    assert (directory / FILE).is_file()


def test_without_a_directory_files_get_numbers_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(None) as store:
        numbers = [store.enroll(path, make_identity()) for path in PATHS]
        assert len(set(numbers)) == len(PATHS)
        store.record(planned=[make_plan(1, 1)], identities={numbers[0]: make_identity(5)})
        store.forget(numbers[0])
        assert read(store) == State([], [])
    assert list(tmp_path.iterdir()) == []


def test_the_directory_and_all_in_it_are_the_user_s_alone(tmp_path: Path) -> None:
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


def test_a_second_agent_is_told_and_the_first_goes_on(directory: Path) -> None:
    with opened(directory) as store:
        with pytest.raises(ConfigError) as caught:
            Store(directory, Journal()).open()
        store.record(planned=[make_plan(1, 1)])
    assert str(caught.value).startswith("-state-dir '")
    assert "another running log-shuttle" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert restart(directory).plans == [make_plan(1, 1)]


@pytest.mark.parametrize("place", ["file", "file/state", "/proc/state"])
def test_a_directory_that_cannot_be_made_is_one_line_that_names_the_flag(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^-state-dir '.*must be a directory that can be made and written \(.+\)$"):
        Store(tmp_path / place, Journal()).open()


RECORDER = """
import sys
from pathlib import Path
from shuttle.store.checkpoints import Store
from shuttle.observe.log import SILENT
from tests.store.test_checkpoints import make_identity, make_plan

store = Store(Path(sys.argv[1]), SILENT)
store.open()
number = store.files()[0].identity.offset if store.files() else 0
file = store.files()[0].number if number else store.enroll(Path("a"), make_identity(0))
while True:
    number += 1
    settled = [make_plan(number - 3, file).id]
    store.record(planned=[make_plan(number, file)], settled=settled, identities={file: make_identity(number)})
    print(number, flush=True)
"""


@pytest.mark.process
def test_kill_9_loses_nothing_that_was_recorded_and_leaves_nothing_by_halves(directory: Path) -> None:
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
        number = files[0].identity.offset
        assert number - said[-1] in {0, 1}  # it may have been killed before it could say so
        assert files == [Known(1, "a", make_identity(number))]
        assert plans == [make_plan(recent, 1) for recent in range(max(1, number - 2), number + 1)]
