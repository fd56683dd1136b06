"""The documents' table of flags is written between its marks, and nowhere else."""

from pathlib import Path

import pytest

from shuttle.command.options import FLAGS
from shuttle.command.reference import BEGIN, END, format_reference, insert_reference, main


def test_the_table_has_a_row_for_each_flag() -> None:
    rows = format_reference().splitlines()[2:]
    assert [row.split("`")[1].split()[0].rstrip(",") for row in rows] == [f"-{flag.name}" for flag in FLAGS]


@pytest.mark.parametrize(
    "row",
    [
        "| `-wait DURATION` | `250ms` | send a batch this long after its first line, full or not |",
        "| `-batch-bytes SIZE` | `1MiB` | maximum bytes in a batch |",
        "| `-drop` | `true` | drop lines when the queue is full; -drop=false blocks the application instead |",
        "| `-gzip` |  | compress requests |",
        "| `-logplex-token TEXT` |  | the same as -appname |",
    ],
)
def test_a_row_has_flag_default_and_help(row: str) -> None:
    assert row in format_reference().splitlines()


def test_every_row_has_three_cells() -> None:
    assert {row.count("|") for row in format_reference().splitlines()} == {4}


def test_the_table_replaces_the_text_between_its_marks(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(f"before\n{BEGIN}old\n{END}after\n")
    main([str(document)])
    assert document.read_text() == f"before\n{BEGIN}\n{format_reference()}\n{END}after\n"
    assert insert_reference(document.read_text()) == document.read_text()


@pytest.mark.parametrize("document", ["", BEGIN, END, END + BEGIN, BEGIN + BEGIN + END])
def test_a_document_without_its_marks_is_refused(document: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whatever its text
        insert_reference(document)


def test_the_table_is_printed_without_documents(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert capsys.readouterr().out == format_reference()
