"""Scenario by scenario, run by run: the programs take turns, so that a noisy minute hits all of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.measurement import Place, measure, verify_arrival
from bench.metrics import Figures, Summary, summarize
from bench.program import IMPORTS, TAIL, Program
from bench.progress import Progress
from bench.scenarios import Scenario
from bench.stage import RefusalError, RunError
from bench.tally import MismatchError


@dataclass(slots=True)
class Result:
    """What one program did in one scenario."""

    program: Program
    runs: list[Figures] = field(default_factory=list)
    skipped: str = ""
    """Why it was not measured."""
    failed: str = ""
    """What went wrong."""

    @property
    def summaries(self) -> dict[str, Summary]:
        if self.skipped or self.failed or not self.runs:
            return {}
        return {name: summarize([run[name] for run in self.runs]) for name in self.runs[0]}


@dataclass(frozen=True, slots=True)
class Chapter:
    """What all programs did in one scenario."""

    scenario: Scenario
    results: list[Result]


class Campaign:
    def __init__(self, programs: list[Program], scenarios: list[Scenario], *, runs: int, progress: Progress) -> None:
        self._programs = programs
        self._scenarios = scenarios
        self._runs = runs
        self._progress = progress

    def run(self, place: Place) -> Iterator[Chapter]:
        for number, scenario in enumerate(self._scenarios, 1):
            chapter = Chapter(scenario, [Result(program) for program in (*self._programs, *_list_more(scenario))])
            here = f"{number}/{len(self._scenarios)} {scenario.name}"
            for result in chapter.results:
                self._progress.show(f"{here}: {result.program.name}, every byte verified")
                _verify(result, scenario, place)
            runs = min(self._runs, scenario.most_runs or self._runs)
            for run in range(runs):
                for result in _rotate(chapter.results, run):
                    if not result.failed and not result.skipped:
                        self._progress.show(f"{here}: run {run + 1} of {runs}, {result.program.name}")
                        _measure(result, scenario, place)
            self._progress.clear()
            yield chapter


def _list_more(scenario: Scenario) -> list[Program]:
    """Return what this scenario alone is measured against."""
    match scenario.kind:
        case "start":
            return [IMPORTS]
        case "follow":
            return [TAIL]
        case _:
            return []


def _rotate(results: list[Result], run: int) -> list[Result]:
    first = run % len(results)
    return results[first:] + results[:first]


def _verify(result: Result, scenario: Scenario, place: Place) -> None:
    try:
        verify_arrival(result.program, scenario, place)
    except RefusalError as error:
        result.skipped = str(error)
    except (RunError, MismatchError) as error:
        result.failed = str(error)


def _measure(result: Result, scenario: Scenario, place: Place) -> None:
    try:
        result.runs.append(measure(result.program, scenario, place))
    except RefusalError as error:
        result.skipped = str(error)
    except (RunError, MismatchError) as error:
        result.failed = str(error)
