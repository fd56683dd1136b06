"""The fixture that others find through pytest's entry point."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.helpers.process import clean_environ

PLUGIN = "shuttle.local_drain.pytest_plugin"
TEST = """
from shuttle.logging import ShuttleHandler
import logging

def test_the_program_logs(shuttle_drain):
    handler = ShuttleHandler(logs_url=shuttle_drain.url)
    logger = logging.getLogger("program")
    logger.addHandler(handler)
    logger.warning("it logs")
    handler.flush()
    assert shuttle_drain.messages == [b"it logs\\n"]
    handler.close()
"""


def test_the_fixture_is_a_drain(tmp_path: Path) -> None:
    (tmp_path / "test_program.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider", str(tmp_path)]
    environ = clean_environ() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(Path.cwd())}
    ended = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr


def test_pytest_finds_it() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert PLUGIN in project["entry-points"]["pytest11"].values()
