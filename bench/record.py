"""The results as JSON."""

import json
from dataclasses import asdict
from pathlib import Path

from bench.campaign import Chapter, Result


def write_record(path: Path, machine: dict[str, object], chapters: list[Chapter]) -> None:
    record = {
        "machine": machine,
        "scenarios": {
            chapter.scenario.name: {
                **asdict(chapter.scenario),
                "programs": {result.program.name: _describe(result) for result in chapter.results},
            }
            for chapter in chapters
        },
    }
    path.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def _describe(result: Result) -> dict[str, object]:
    if result.failed:
        return {"failed": result.failed}
    if result.skipped:
        return {"skipped": result.skipped}
    return {name: asdict(summary) for name, summary in result.summaries.items()}
