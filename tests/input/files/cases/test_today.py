"""The list of what fails today names tests that there are, each once, and why."""

from importlib import import_module

from tests.input.files.cases.conftest import HERE, SEPARATOR, read_today


def test_each_line_is_of_a_test() -> None:
    for name in read_today():
        module, _, function = name.partition("[")[0].partition("::")
        assert hasattr(import_module(f"{__package__}.{module.removesuffix('.py')}"), function), name


def test_each_line_is_there_once_and_says_why() -> None:
    lines = HERE.joinpath("today.txt").read_text("utf-8").splitlines()
    assert len(lines) == len(read_today())
    assert all(line.partition(SEPARATOR)[2] for line in lines)
