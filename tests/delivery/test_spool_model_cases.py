"""Cases that came out of random runs of the spool's model, cut down by hand.

All have the same beginning: what is on the disk is damaged while the disk is full. The broken file is set aside,
nothing can be salvaged, and what it alone has counts as lost. The next process goes through it.
"""

from typing import Any

import pytest

from tests.delivery.test_spool_model import AgainstAList


class First:
    """Draws the first of what there is to choose from."""

    def draw(self, strategy: Any) -> Any:
        return next(iter(getattr(strategy, "elements", [0])))


Step = tuple[Any, ...]
FULL: Step = ("fill_the_disk_or_make_room",)
DAMAGE: Step = ("damage", First())
SET_ASIDE: list[Step] = [("put", [10, 10]), FULL, ("kill",), DAMAGE, ("take", 1)]
LARGE: list[Step] = [("put", [10, 2 << 20]), FULL, DAMAGE, ("take", 2)]
LATER: list[Step] = [FULL, ("put", [10]), ("destroy",)]
DAMAGED_LATER: list[Step] = [DAMAGE, ("put", [699050, 699050]), ("put", [10]), ("take", 1)]

CASES: dict[str, list[Step]] = {
    "the file aside stays": SET_ASIDE,
    "a second rescue": [*SET_ASIDE, *LATER, ("put", [10])],
    "a second rescue by a taker": [*SET_ASIDE, *LATER, ("take", 1), ("settle", First()), ("update",)],
    "a kill with a full disk": [
        ("put", [10, 2 << 20]),
        FULL,
        DAMAGE,
        ("take", 2),
        FULL,
        ("put", [10]),
        FULL,
        ("kill",),
    ],
    "a rescue that failed, and a second": [("destroy",), FULL, ("put", [10]), FULL, ("put", [10]), *DAMAGED_LATER],
}


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES.keys())
def test_it_agrees_with_a_list_in_rare_cases(steps: list[Step]) -> None:
    machine = AgainstAList()
    for name, *arguments in steps:
        getattr(machine, name)(*arguments)
        machine.every_line_is_accounted_for()
        machine.what_is_called_spooled_is_on_the_disk()
    machine.teardown()
