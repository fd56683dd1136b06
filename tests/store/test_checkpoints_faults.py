"""A store that is broken never stops the start; one that cannot be written catches up when it can."""

import contextlib
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shuttle.errors import ConfigError
from shuttle.store.checkpoint_table import SCHEMA, Plan
from shuttle.store.checkpoints import FILE, Checkpoints
from shuttle.store.schema import MOST_BROKEN
from shuttle.store.sqlite import Database
from tests.helpers.checkpoints import State, kill, make_fingerprint, make_plan, opened, read, restart
from tests.helpers.disks import make_scratch, mounted
from tests.helpers.process import LONGEST
from tests.helpers.virtual import Journal

EMPTY = State([], [])
ROOM = 1 << 30  # pages; more than anything here needs


@contextlib.contextmanager
def logged(directory: Path) -> Iterator[tuple[Checkpoints, Journal]]:
    """Open a store that may log."""
    journal = Journal()
    store = Checkpoints.open(directory, journal)
    try:
        yield store, journal
    finally:
        store.close()


def fill(store: Checkpoints) -> None:
    """Record what takes some pages."""
    for number in range(1, 41):
        store.enroll(Path(f"/var/log/{number}.log"), make_fingerprint(number))
        store.record(planned=[make_plan(number, *range(1, number))])


def get_database(store: Checkpoints) -> sqlite3.Connection:
    assert isinstance(store._database, Database)
    return store._database.connect()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    with opened(directory) as store:
        fill(store)
    return directory


def change(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def put_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").touch()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "a byte": lambda path: path.write_bytes(b"\0"),
    "garbage": lambda path: path.write_bytes(random.Random(1).randbytes(50_000)),
    "text": lambda path: path.write_text("[state]\noffset = 5\n" * 100),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "zeros behind the header": lambda path: path.write_bytes(path.read_bytes()[:100].ljust(path.stat().st_size, b"\0")),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a page": lambda path: path.write_bytes(path.read_bytes()[:4096]),
    "a directory": put_directory,
    "a newer version": lambda path: change(path, f"PRAGMA user_version={SCHEMA.version + 1}"),
    "no version": lambda path: change(path, "PRAGMA user_version=0"),
    "no table": lambda path: change(path, "DROP TABLE plans"),
    "another table": lambda path: change(path, "DROP TABLE plans", "CREATE TABLE plans (id TEXT)"),
    "a schema that is no text": lambda path: path.write_bytes(path.read_bytes().replace(b"TABLE", b"TABL\xd8")),
    "a read-only header": lambda path: path.write_bytes(path.read_bytes()[:18] + b"\7" + path.read_bytes()[19:]),
    "a row changed": lambda path: change(path, "UPDATE files SET content = replace(content, '7', '8') WHERE key = 3"),
    "a row of nothing": lambda path: change(path, "INSERT INTO files VALUES (99, '', 0)"),
    "a row moved": lambda path: change(path, "UPDATE files SET key = 99 WHERE key = 3"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_database_is_set_aside_and_the_start_goes_on(damage: str, directory: Path) -> None:
    path = directory / FILE
    DAMAGES[damage](path)
    broken = path.read_bytes() if path.is_file() else None
    with logged(directory) as (store, journal):
        assert read(store) == EMPTY
        [(event, data)] = journal.events
        assert event == "state.broken"
        assert data["file"] == path
        assert data["error"]
        fill(store)
        recorded = read(store)
    assert restart(directory) == recorded
    aside = directory / f"{FILE}.broken-1"
    assert data["aside"] == aside.name
    assert aside.is_dir() if broken is None else aside.read_bytes() == broken


def test_a_newer_agents_database_is_set_aside_whole(tmp_path: Path) -> None:
    """Even if that was killed: what its write-ahead log has goes along."""
    directory = tmp_path / "state"
    with opened(directory) as store:
        fill(store)
        get_database(store).execute(f"PRAGMA user_version={SCHEMA.version + 1}")
        recorded = read(store)
        left = Path(shutil.copytree(directory, tmp_path / "left"))
    with logged(left) as (store, journal):
        assert read(store) == EMPTY
        assert f"version {SCHEMA.version + 1}" in str(journal.named("state.broken")[0]["error"])
        store.enroll(Path("a"), make_fingerprint())
    for path in left.glob(f"{FILE}.broken-1*"):
        path.rename(left / path.name.replace(".broken-1", ""))
    change(left / FILE, f"PRAGMA user_version={SCHEMA.version}")
    assert restart(left) == recorded


def test_a_broken_databases_side_files_are_set_aside(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    with opened(directory) as store:
        fill(store)
        left = Path(shutil.copytree(directory, tmp_path / "left"))
    assert (left / f"{FILE}-wal").stat().st_size > 0
    put_directory(left / FILE)
    for side in ("-shm", "-journal"):
        (left / f"{FILE}{side}").write_bytes(b"what another program left")
    with logged(left) as (store, _):
        assert read(store) == EMPTY
        assert len(list(left.glob(f"{FILE}.broken-1-*"))) == 3
        number = store.enroll(Path("a"), make_fingerprint())
    assert [known.number for known in restart(left).files] == [number]


def test_broken_databases_do_not_fill_the_disk(tmp_path: Path) -> None:
    for _ in range(MOST_BROKEN + 3):
        (tmp_path / FILE).write_bytes(b"broken")
        with logged(tmp_path) as (_, journal):
            assert len(journal.named("state.broken")) == 1
    assert len(list(tmp_path.glob(f"{FILE}.broken-*"))) == MOST_BROKEN


SHELL = """
import sqlite3
import sys

database = sqlite3.connect(sys.argv[1])
database.execute("BEGIN")
print(database.execute("SELECT count(*) FROM files").fetchone()[0], flush=True)
sys.stdin.read()
"""


@pytest.mark.process
def test_a_database_that_is_in_use_is_not_set_aside(directory: Path) -> None:
    """In another process: SQLite's locks are a process's, and those of this one would be shared."""
    command = [sys.executable, "-c", SHELL, str(directory / FILE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout
        assert shell.stdout.readline() == "40\n"
        with pytest.raises(ConfigError, match=r"^-state-dir .*locked"):
            Checkpoints.open(directory, Journal())
        shell.communicate(timeout=LONGEST)
    assert len(restart(directory).files) == 40


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER mine AFTER INSERT ON files BEGIN DELETE FROM plans; END",
        "CREATE VIEW mine AS SELECT * FROM files",
        "CREATE INDEX mine ON files (checksum)",
        "CREATE TABLE mine (word)",
        "ALTER TABLE files ADD COLUMN twice AS (key * 2)",
    ],
)
def test_what_is_no_store_of_ours_is_set_aside(statement: str, directory: Path) -> None:
    change(directory / FILE, statement)
    with logged(directory) as (store, journal):
        assert read(store) == EMPTY
    assert len(journal.named("state.broken")) == 1


def test_a_row_missing_from_its_page_is_noticed(tmp_path: Path) -> None:
    """A page counts its rows; here it counts one less."""
    with opened(tmp_path) as store:
        for _ in range(3):
            store.enroll(Path("a"), make_fingerprint())
    content = bytearray((tmp_path / FILE).read_bytes())
    page = 4096  # the first table's; the schema's is before it
    assert content[page] == 13, "a leaf"
    assert content[page + 3 : page + 5] == b"\0\3"
    content[page + 4] = 2
    (tmp_path / FILE).write_bytes(content)
    with logged(tmp_path) as (store, journal):
        assert read(store) == EMPTY
        assert [event for event, _ in journal.events] == ["state.broken"]


class Remains:
    """The files of an agent that was closed, and of one that was killed; and all states that were ever recorded."""

    def __init__(self, place: Path) -> None:
        directory = place / "state"
        self.states = [EMPTY]
        with opened(directory) as store:
            for number in range(1, 30):
                store.enroll(Path(f"/var/log/{number}.log"), make_fingerprint(number))
                self.states.append(read(store))
                store.record(planned=[make_plan(number, *range(1, number))], settled=[make_plan(number - 9).id])
                self.states.append(read(store))
            self.killed = {path.name: path.read_bytes() for path in directory.iterdir()}
        self.closed = {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture(scope="module")
def remains(tmp_path_factory: pytest.TempPathFactory) -> Remains:
    return Remains(tmp_path_factory.mktemp("remains"))


class Damage:
    """Bytes that are cut off, or others in the place of some."""

    def __init__(self, kind: str, place: float, length: int, seed: int) -> None:
        self.kind = kind
        self.place = place
        self.length = length
        self.seed = seed

    def __repr__(self) -> str:
        return f"Damage({self.kind!r}, {self.place}, {self.length}, {self.seed})"

    def apply(self, content: bytes) -> bytes:
        at = int(self.place * len(content))
        length = min(self.length, len(content) - at)
        match self.kind:
            case "cut":
                return content[:at]
            case "zeros":
                return content[:at] + bytes(length) + content[at + length :]
            case "random":
                return content[:at] + random.Random(self.seed).randbytes(length) + content[at + length :]
            case "shifted":
                return content[:at] + content[at + length :]
        raise ValueError(self.kind)


damages = st.builds(
    Damage,
    st.sampled_from(["cut", "zeros", "random", "shifted"]),
    st.floats(0, 1) | st.floats(0, 0.02),  # more often in the header
    st.sampled_from([1, 2, 4, 16, 100, 512, 4096, 10_000]),
    st.integers(0, 1 << 32),
)


def start_with(files: dict[str, bytes]) -> tuple[State, Journal]:
    """Return what an agent finds that starts with `files`, and what it logs; it must be able to go on."""
    with make_scratch() as place:
        directory = Path(place)
        for name, content in files.items():
            (directory / name).write_bytes(content)
        with logged(directory) as (store, journal):
            found = read(store)
            store.enroll(Path("new"), make_fingerprint())
            recorded = read(store)
            assert kill(directory) == recorded
        assert restart(directory) == recorded
        assert {event for event, _ in journal.events} <= {"state.broken"}
        return found, journal


@given(damage=damages)
@example(damage=Damage("random", 0.0, 100, 1))
@settings(max_examples=300)
def test_a_damaged_database_is_read_whole_or_set_aside(damage: Damage, remains: Remains) -> None:
    found, journal = start_with({**remains.closed, FILE: damage.apply(remains.closed[FILE])})
    assert found == (EMPTY if journal.named("state.broken") else remains.states[-1])


@given(damage=damages, name=st.sampled_from([FILE, f"{FILE}-wal"]))
@settings(max_examples=300)
def test_damage_after_a_kill_leaves_a_recorded_state(damage: Damage, name: str, remains: Remains) -> None:
    """A damaged write-ahead log ends before the damage: what is found was true once, and is not mixed."""
    found, journal = start_with({**remains.killed, name: damage.apply(remains.killed[name])})
    assert found == EMPTY if journal.named("state.broken") else found in remains.states


def ruin(store: Checkpoints, directory: Path, content: bytes) -> None:
    """Put `content` in the place of the database's under a store that is open and has nothing in its own memory."""
    database = get_database(store)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.execute("PRAGMA shrink_memory")
    (directory / FILE).write_bytes(content)


@pytest.mark.parametrize("damage", ["empty", "zeros", "garbage", "zeros behind the header"])
def test_a_database_that_breaks_later_is_replaced_in_full(damage: str, directory: Path) -> None:
    with logged(directory) as (store, journal):
        store.enroll(Path("a"), make_fingerprint())
        scratch = directory / "scratch"
        scratch.write_bytes((directory / FILE).read_bytes())
        DAMAGES[damage](scratch)
        ruin(store, directory, scratch.read_bytes())
        store.record(planned=[make_plan(99, 1)], settled=[make_plan(5).id], fingerprints={1: make_fingerprint(1000)})
        assert [event for event, _ in journal.events] == ["state.broken"]
        recorded = read(store)
        assert (len(recorded.files), len(recorded.plans)) == (41, 40)
        assert kill(directory) == recorded
        store.forget(2)
        recorded = read(store)
    assert restart(directory) == recorded
    assert (directory / f"{FILE}.broken-1").is_file()


def test_setting_a_database_aside_is_tried_again(directory: Path) -> None:
    with logged(directory) as (store, journal):
        ruin(store, directory, b"broken" * 1000)
        taken = [directory / f"{FILE}.broken-{number}" for number in range(1, MOST_BROKEN + 1)]
        for path in taken:
            path.mkdir()
        for number in range(50, 60):
            store.record(planned=[make_plan(number, 1)], settled=[make_plan(number - 1).id])
        assert [event for event, _ in journal.events] == ["state.failed"]
        taken[0].rmdir()
        store.record(settled=[make_plan(1).id])
        assert [event for event, _ in journal.events] == ["state.failed", "state.broken", "state.restored"]
        assert kill(directory) == read(store)


@contextlib.contextmanager
def full(store: Checkpoints) -> Iterator[None]:
    """Leave the database no room to grow."""
    get_database(store).execute("PRAGMA max_page_count=1").fetchall()  # not less than there are
    yield
    get_database(store).execute(f"PRAGMA max_page_count={ROOM}").fetchall()


@contextlib.contextmanager
def read_only(store: Checkpoints) -> Iterator[None]:
    get_database(store).execute("PRAGMA query_only=ON")
    yield
    get_database(store).execute("PRAGMA query_only=OFF")


@pytest.mark.parametrize(("fault", "error"), [(full, "full"), (read_only, "readonly")])
def test_failed_writes_are_made_up_for_and_logged_once(
    fault: Callable[[Checkpoints], contextlib.AbstractContextManager[None]], error: str, directory: Path
) -> None:
    with logged(directory) as (store, journal):
        before = read(store)
        with fault(store):
            for number in range(100, 110):
                file = store.enroll(Path("new"), make_fingerprint())
                spans = range(file, file + 2000)  # a plan that needs pages
                store.record(planned=[make_plan(number, *spans)], settled=[make_plan(number - 1).id])
                store.record(fingerprints={file: make_fingerprint(number)})
            store.forget(1)
            recorded = read(store)
            assert (len(recorded.files), recorded.plans[-1].id) == (49, make_plan(109).id)
            assert kill(directory).plans[-1] == before.plans[-1]
            assert [event for event, _ in journal.events] == ["state.failed"]
            assert error in str(journal.events[0][1]["error"])
        store.record(settled=[make_plan(109).id])
        assert [event for event, _ in journal.events] == ["state.failed", "state.restored"]
        recorded = read(store)
        assert kill(directory) == recorded
    assert restart(directory) == recorded
    assert len(journal.events) == 2


def test_rows_that_come_and_go_unwritten_take_no_memory(directory: Path) -> None:
    with logged(directory) as (store, _), read_only(store):
        for number in range(100, 1100):
            store.record(planned=[make_plan(number, 1)], settled=[make_plan(number - 1).id])
            store.forget(store.enroll(Path("new"), make_fingerprint()))
        assert len(store._files.due | store._plans.due) <= 2


def test_close_writes_what_is_due(directory: Path) -> None:
    with logged(directory) as (store, _):
        with read_only(store):
            store.record(planned=[make_plan(99, 1)])
        recorded = read(store)
    assert restart(directory) == recorded


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["full", "room", "plan", "plan", "settle", "enroll", "forget"]), st.integers(0, 99)),
        max_size=30,
    )
)
@settings(max_examples=60)
def test_a_kill_on_a_full_disk_leaves_the_last_state(steps: list[tuple[str, int]]) -> None:
    """Nothing is there by halves: the last state that could be written is found."""
    with make_scratch() as place, logged(Path(place)) as (store, journal):
        database = get_database(store)
        kept = read(store)
        for number, (step, choice) in enumerate(steps):
            files, plans = read(store)
            match step:
                case "full" | "room":
                    database.execute(f"PRAGMA max_page_count={1 if step == 'full' else ROOM}").fetchall()
                    continue
                case "plan":
                    store.record(planned=[make_plan(number, *range(1, 10 * choice))])
                case "settle" if plans:
                    store.record(settled=[plans[choice % len(plans)].id])
                case "enroll":
                    store.enroll(Path("a" * 100 * choice), make_fingerprint())
                case "forget" if files:
                    store.forget(files[choice % len(files)].number)
            if not journal.events or journal.events[-1][0] == "state.restored":
                kept = read(store)
            assert kill(Path(place)) == kept


LIMITED = """
import resource
import sys
from pathlib import Path
from shuttle.store.checkpoints import Checkpoints
from tests.helpers.virtual import Journal
from tests.helpers.checkpoints import make_fingerprint, make_plan

directory, limit = Path(sys.argv[1]), int(sys.argv[2])
journal = Journal()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))  # Python ignores SIGXFSZ: a write fails
store = Checkpoints.open(directory, journal)
file = store.enroll(Path("a"), make_fingerprint())
for number in range(1, 200):
    store.record(planned=[make_plan(number, file)], settled=[make_plan(number - 5, file).id])
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
store.record(fingerprints={file: make_fingerprint(200)})
print(*[event for event, _ in journal.events], flush=True)
sys.stdin.read()
"""


@pytest.mark.process
@pytest.mark.parametrize("limit", [0, 1, 4096, 5000, 20_000, 100_000])
def test_files_that_cannot_grow_stop_nothing(limit: int, tmp_path: Path) -> None:
    """The kernel refuses the writes; when it no longer does, everything is recorded, and a kill loses none of it."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(limit)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout
        said = agent.stdout.readline().split()
        agent.kill()
        agent.wait(LONGEST)
    assert said == ["state.failed", "state.restored"]
    files, plans = restart(tmp_path)
    assert [known.fingerprint for known in files] == [make_fingerprint(200)]
    assert plans == [make_plan(number, 1) for number in range(195, 200)]


def test_a_plan_is_read_back_as_a_plan(directory: Path) -> None:
    """And not just something that is equal to one."""
    assert all(type(plan) is Plan and type(plan.spans) is tuple for plan in restart(directory).plans)


def test_its_log_does_not_fill_a_small_disk(tmp_path: Path) -> None:
    """SQLite by itself lets it grow to 4 MiB."""
    with mounted(tmp_path / "disk", "size=1m") as disk:
        with logged(disk / "state") as (store, journal):
            number = store.enroll(Path("/var/log/a.log"), make_fingerprint())
            for offset in range(1, 600):
                store.record(fingerprints={number: make_fingerprint(offset)})
        assert journal.events == []
        with opened(disk / "state") as store:
            assert [one.fingerprint.offset for one in store.files()] == [599]
