"""Which files are generations of one followed file, and in which order they were written. A pure decision.

Theory of operation. Some files are known: how far they were read is on record. Each is looked for where it may have
gone: by device and inode, then by content. What is unknown was written since. Of the unknown files only those are
generations whose names were made by the scheme that made the names of the known ones. Where none of these tells the
scheme, it is the one that puts a stamp behind the whole name.

Known files come first, in their order. The unknown ones follow by the time of their last change, and where that is the
same, by what their names say.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from shuttle.core.fingerprint import Fingerprint
from shuttle.input.files.open_file import Key
from shuttle.input.files.rotation.ages import Age, Kind

Holds = Callable[["Sighting", Fingerprint], bool]
"""Says whether a file holds the content that was read."""


class Sighting(NamedTuple):
    """A regular file, as it stands somewhere now."""

    path: Path
    key: Key
    age: Age | None
    """None: rotation makes no such name of the followed one."""
    changed: int = 0
    """When its content did, in nanoseconds."""


class Generations(NamedTuple):
    """What there is of a followed file's generations, in order."""

    found: int
    """How many of the known ones were found; they come first."""
    rest: list[tuple[Sighting, int]]
    """The files, and from which offset each is to be read."""
    settled: bool = True
    """No rotation went on meanwhile: each name stands for the file that was looked at."""


def find_generations(
    known: Sequence[Fingerprint],
    seen: Sequence[Sighting],
    *,
    holds: Holds,
    is_foreign: Callable[[Sighting], bool],
    sure: Collection[Key] = (),
) -> Generations:
    """Return the generations among `seen` of which `known` are the ones that were read last, the oldest first.

    Those with the keys `sure` are open: nothing has to be found in their place. `is_foreign` says of an unknown file
    that it is none of them: it was there before, or belongs to another path.
    """
    seen = [*sort_by_age([one for one in seen if one.age]), *(one for one in seen if not one.age)]
    places: list[Sighting | None] = []
    for fingerprint in known:
        one = _find(fingerprint, seen, holds)
        places.append(None if one in places else one)
    anchors = [one for one in places if one]
    unknown = [one for one in seen if one not in anchors and one.age and not is_foreign(one)]
    schemes = {one.age.scheme for one in anchors if one.age} if anchors else _guess_schemes(unknown)
    unknown = [one for one in unknown if one.age and one.age.scheme in schemes]
    rest: list[tuple[Sighting, int]] = []
    for number, (fingerprint, one) in enumerate(zip(known, places, strict=True)):
        place, unread = one, not fingerprint.offset and (fingerprint.device, fingerprint.inode) not in sure
        if place is None and unread and (place := _find_between(places, number, unknown)):
            unknown.remove(place)
        if place:
            rest.append((place, fingerprint.offset))
    # What was copied from a file of which nothing was read is older than the change of that one, its truncation.
    read = [one for fingerprint, one in zip(known, places, strict=True) if fingerprint.offset]
    new = [one for one in unknown if None in read or not _is_older(one, [one for one in read if one] or anchors)]
    return Generations(len(rest), rest + [(one, 0) for one in sort_by_age(new, anchors)])


def sort_by_age(files: Sequence[Sighting], anchors: Sequence[Sighting] = ()) -> list[Sighting]:
    """Return files in the order in which they were written, the oldest first; `anchors` were before all of them."""
    if all(one.age and one.age.kind is Kind.DATE for one in files):
        return sorted(files, key=lambda one: (one.age and one.age.stamp, one.changed, one.path.name))
    grows = _grows([*anchors, *sorted(files, key=lambda one: one.changed)])
    return sorted(files, key=lambda one: (one.changed, _rank(one, grows=grows), one.path.name))


def _grows(files: Sequence[Sighting]) -> bool:
    """Say whether numbers in names grow with time, by what the times of `files` tell."""
    numbers = [(one.changed, one.age.stamp) for one in files if one.age and one.age.kind is Kind.NUMBER]
    if len(numbers) < 2 or numbers[0][0] == numbers[-1][0]:  # noqa: PLR2004  # it takes two to compare
        return False
    return numbers[0][1] < numbers[-1][1]


def _rank(one: Sighting, *, grows: bool) -> tuple[int, ...]:
    if one.age is None:
        return ()
    return tuple(-number for number in one.age.stamp) if one.age.kind is Kind.NUMBER and not grows else one.age.stamp


def _find(fingerprint: Fingerprint, seen: Sequence[Sighting], holds: Holds) -> Sighting | None:
    """Return the file that holds what was read: the same file, else the same content."""
    key = (fingerprint.device, fingerprint.inode)
    same = next((one for one in seen if one.key == key and holds(one, fingerprint)), None)
    if same or not fingerprint.offset:
        return same
    return next((one for one in seen if one.key != key and holds(one, fingerprint)), None)


def _find_between(places: Sequence[Sighting | None], number: int, unknown: Sequence[Sighting]) -> Sighting | None:
    """Return what may have become of the file of that number, of which nothing was read: its name says so.

    It was compressed, so that its inode is another one, and stands between the files before it and behind it.
    """
    before = next((one.age for one in reversed(places[:number]) if one and one.age), None)
    behind = next((one.age for one in places[number + 1 :] if one and one.age), None)
    if behind is None:
        return None  # it is newer than all that were found, as other unknown files are
    older = [one for one in unknown if one.age and _is_newer(behind, one.age)]
    fits = [one for one in older if one.age and (not before or _is_newer(one.age, before))]
    return fits[0] if len(fits) == 1 else None


def _guess_schemes(unknown: Sequence[Sighting]) -> set[tuple[str, str]]:
    """Return the schemes by which names may have been made, as nothing that is known tells: those that append."""
    return {one.age.scheme for one in unknown if one.age and one.age.appends}


def _is_older(one: Sighting, anchors: Sequence[Sighting]) -> bool:
    """Say whether an unknown file was changed before all known ones were, and its name does not say otherwise.

    One that stands between two of them was made since the first: all that was there then is known.
    """
    return bool(anchors) and all(
        one.changed < anchor.changed and not (anchor.age and one.age and _is_newer(one.age, anchor.age))
        for anchor in anchors
    )


def _is_newer(age: Age, than: Age) -> bool:
    if age.kind is not than.kind or age.scheme != than.scheme:
        return False
    return age.stamp < than.stamp if age.kind is Kind.NUMBER else age.stamp > than.stamp
