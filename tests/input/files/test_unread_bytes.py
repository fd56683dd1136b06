"""However many files there are, a look costs a bounded number of calls and tells a bounded number of them apart."""

from pathlib import Path

from shuttle.input.files.unread_bytes import AT_ONCE, MOST, OTHERS, UnreadBytes


class Followed:
    """A path with so many bytes to read; its size cannot be had if there are none."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.looks = 0

    def count_left(self) -> int:
        self.looks += 1
        if self.left < 0:
            raise OSError
        return self.left


def look(unread: UnreadBytes, paths: dict[Path, Followed]) -> dict[str, int]:
    return unread.look({name: path.count_left for name, path in paths.items()})


def test_a_few_files_are_all_told_apart() -> None:
    paths = {Path(f"{number}.log"): Followed(number) for number in range(MOST)}
    assert look(UnreadBytes(), paths) == {f"{number}.log": number for number in range(MOST)}


def test_of_many_files_the_largest_are_told_apart_once_all_were_looked_at() -> None:
    count = 3 * AT_ONCE + 1
    paths = {Path(f"{number}.log"): Followed(number) for number in range(count)}
    unread = UnreadBytes()
    looks = []
    for _ in range(4):
        seen = look(unread, paths)
        looks.append(sum(path.looks for path in paths.values()))
    assert looks == [AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE, count]
    assert len(seen) == MOST + 1
    assert seen.pop(OTHERS) == sum(range(count - MOST))
    assert set(seen) == {f"{number}.log" for number in range(count - MOST, count)}


def test_a_file_that_is_gone_is_forgotten_and_one_that_fails_keeps_what_was_seen() -> None:
    paths = {Path("a"): Followed(1), Path("b"): Followed(2)}
    unread = UnreadBytes()
    look(unread, paths)
    paths[Path("a")].left = -1
    del paths[Path("b")]
    assert look(unread, paths) == {"a": 1}
