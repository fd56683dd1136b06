"""The single file runs without anything that is installed, and writes nothing."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import httpx
import pytest

from release.single_file import COMPILED, ROOT, build, list_plain
from shuttle import __version__
from shuttle.local_drain import LocalDrain
from tests.helpers.process import LONGEST, clean_environ

LOCK = (ROOT / "requirements.lock").read_text("utf-8").partition("\n")[2]
NAMES = [entry.partition("==")[0] for entry in list_plain(LOCK)]

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with what is installed here in place of what the lock file names."""
    target = tmp_path_factory.mktemp("dependencies")
    for name in NAMES:
        for file in distribution(name).files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target / file)
    return target


@pytest.fixture(scope="module", params=["bytecode", "sources"])
def archive(request: pytest.FixtureRequest, dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with bytecode for this Python, and one without: as another Python sees it."""
    path = tmp_path_factory.mktemp("dist") / "log-shuttle.pyz"
    build(path, dependencies, [sys.executable] if request.param == "bytecode" else [])
    return path


def make_environ(home: Path) -> dict[str, str]:
    """Return an environment in which everything that is installed is broken, and nothing may be written to `home`."""
    broken = home.parent / "site-packages"
    broken.mkdir(exist_ok=True)
    for name in (*COMPILED, "httpx", "shuttle", "prometheus_client"):
        (broken / f"{name}.py").write_text("raise SystemExit('this is what the machine has installed')")
    home.mkdir(exist_ok=True)
    home.chmod(0o500)
    return clean_environ() | {"HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": str(broken)}


def start(archive: Path, *flags: str, home: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the file in such an environment."""
    environ = make_environ(home)
    command = [sys.executable, "-W", "error", str(archive), *flags]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=LONGEST, env=environ, cwd=home, check=False
    )


def test_it_says_its_version(archive: Path, tmp_path: Path) -> None:
    ended = start(archive, "-version", home=tmp_path / "home")
    assert (ended.stdout, ended.stderr, ended.returncode) == (f"log-shuttle {__version__}\n", "", 0)


@pytest.mark.parametrize("flags", [(), ("-gzip",), ("-num-outlets", "1")])
def test_it_delivers_and_writes_no_file(archive: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    with LocalDrain() as drain:
        ended = start(archive, "-logs-url", drain.url, "-verbose", *flags, home=tmp_path / "home", stdin="one\ntwo\n")
    assert " read=2 delivered=2 dropped=0 lost=0 held=0" in ended.stderr
    assert ended.returncode == 0
    assert list((tmp_path / "home").iterdir()) == []


def test_it_runs_an_application(archive: Path, tmp_path: Path) -> None:
    with LocalDrain() as drain:
        flags = ("-logs-url", drain.url, "--", "sh", "-c", "echo one; echo two >&2; exit 7")
        ended = start(archive, *flags, home=tmp_path / "home")
        assert (drain.counts.messages, ended.returncode, ended.stderr) == (2, 7, "")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="zstd is in the standard library")
def test_for_zstd_it_advises_what_helps(archive: Path, tmp_path: Path) -> None:
    """A package that is installed beside it is not looked at."""
    (tmp_path / "app.log.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    with LocalDrain() as drain:
        flags = ("-logs-url", drain.url, "-follow=false", "-file", str(tmp_path / "app.log.zst"))
        ended = start(archive, *flags, home=tmp_path / "home")
    assert (
        "compressed by zstd: the single file needs Python 3.14 or later for that; or install log-shuttle"
        in ended.stderr
    )
    assert "backports" not in ended.stderr


def test_for_kinesis_it_advises_what_helps(archive: Path, tmp_path: Path) -> None:
    url = "https://kinesis.us-east-1.amazonaws.com/stream"
    ended = start(archive, "-check=offline", "-logs-url", url, home=tmp_path / "home")
    advice = "which the single file cannot have; install log-shuttle instead: pip install 'log-shuttle[aws]'"
    assert f"needs the extra [aws], {advice}" in ended.stdout


def test_it_serves_metrics_and_the_page(archive: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-W", "error", str(archive), "-logs-url", "http://127.0.0.1:9/", "-stats-addr", "0"]
    environ, pipe = make_environ(home), subprocess.PIPE
    with subprocess.Popen(command, env=environ, cwd=home, text=True, stdin=pipe, stderr=pipe) as agent:
        assert agent.stderr
        url = agent.stderr.readline().rpartition("url=")[2].strip()
        texts = [httpx.get(url + path, timeout=LONGEST, trust_env=False).text for path in ("metrics", "", "page.js")]
        agent.communicate("", timeout=LONGEST)
    assert agent.returncode == 0
    assert [part in text for part, text in zip(("lines_read_total 0", "<svg", "fetch("), texts, strict=True)] == [
        True
    ] * 3
    assert list(home.iterdir()) == []


def test_it_brings_authorities(archive: Path, tmp_path: Path) -> None:
    """For machines without any. A path would have to lead out of the archive."""
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r} + '/source'); import certifi; print(len(certifi.contents()))"
    )
    shown = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, timeout=LONGEST
    )
    assert int(shown.stdout) > 100_000


def test_the_same_files_give_the_same_archive(dependencies: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        build(tmp_path / name, dependencies, [sys.executable])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert os.access(tmp_path / "one", os.X_OK)


def test_what_is_compiled_stays_out(dependencies: Path, tmp_path: Path) -> None:
    assert set(COMPILED) == set(re.findall(r"^([\w-]+)==", LOCK, re.MULTILINE)) - set(NAMES)
    mixed = tmp_path / "mixed"
    shutil.copytree(dependencies, mixed)
    (mixed / "fast.so").touch()
    with pytest.raises(SystemExit, match=r"fast\.so is compiled"):
        build(tmp_path / "archive", mixed, [])


def test_make_names_the_pythons_that_there_are() -> None:
    """One that is missing must not hide the others."""
    make = shutil.which("make") or pytest.skip("make is not installed")
    shown = subprocess.run(
        [make, "-n", "pyz", f"BIN={Path(sys.executable).parent}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stderr == ""
    assert f" dist/log-shuttle.pyz {Path(sys.executable).parent}/python" in shown.stdout


def test_an_old_python_can_read_its_beginning() -> None:
    """So that it can say that it is too old. Python 2 has neither f-strings nor annotations."""
    tree = ast.parse((ROOT / "release/single_file_main.py").read_text("ascii"), feature_version=(3, 4))
    assert [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign)] == []
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if node.returns or any(each.annotation for each in node.args.args)] == []
    assert "version_info < (3, 11)" in ast.unparse(tree.body[2])
