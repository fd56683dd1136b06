"""Batches that an earlier process had sent and not seen settled, made again from where their lines stand."""

from collections.abc import Callable
from dataclasses import replace

from shuttle.core.batch import Batch, Batcher
from shuttle.core.lines import NewlineSplitter
from shuttle.input.files.file import File
from shuttle.input.files.labels import ANY, Labels
from shuttle.store.checkpoint_table import Plan

_NO_LIMIT = 1 << 62  # lines, or bytes: a batch that was one is one again


def make_batch(
    plan: Plan, find_file: Callable[[int], File | None], labels: Labels, now: float
) -> tuple[Batch | None, int]:
    """Return the batch of `plan`, its id, lines and stamps as before, and how many of its lines are not there any more.

    None if none of them is.

    Raises:
        OSError: A file cannot be read.
    """
    framer = labels.find_framer(ANY)
    batcher = Batcher(framer, size=_NO_LIMIT, max_bytes=_NO_LIMIT, wait=0.0, new_id=lambda: plan.id)
    missing = 0
    for span in plan.spans:
        file = find_file(span.file)
        length = span.end - span.start
        data = file.read_at(span.start, length) if file else b""
        if file is None or len(data) < length:
            missing += span.lines
            continue
        own = labels.find_framer(file.path)
        splitter = NewlineSplitter(own.line_limit)
        batcher.add([*splitter.feed(data), *splitter.finish()], stamp=span.stamp, now=now, framer=own)
    return replace(batcher.close(), spans=plan.spans, again=True) if batcher.lines else None, missing
