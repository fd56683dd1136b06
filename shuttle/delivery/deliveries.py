"""The deliveries: unsettled batches from the queue, either with an outlet or put aside.

Theory of operation. A drain may fail on a batch whenever it is sent, and take all others. Such batches must not keep
every outlet busy. So one outlet is always free for batches that have not failed. If the last free outlet fails, its
batch is put aside and the outlet takes the next one. A suspect batch (core/suspicion.py) is put aside whenever others
wait, or it has to wait itself: it goes behind the others, and no outlet waits with it.

At most MOST_ASIDE batches are aside, suspect ones left out, so that a drain that fails on everything does not empty the
queue into memory. Then a batch that has failed PATIENCE times changes places with the one that has been aside longest.

What is aside comes before the queue, but not to the last free outlet, and a suspect batch not before its delay is over.

If there is a single outlet, order matters. Then a batch is put aside only if it is suspect, if it was sent PATIENCE
times without an answer, or if there is no patience with it any more (steps.py). A single outlet takes one batch
from the queue, to see whether the drain takes that, before it goes on with what is aside. If others wait, it takes a
suspect batch only when QUEUE_SHARE times as long has passed as it took the last time: an attempt at it may hang.
"""

import math
from collections import deque
from collections.abc import Callable

import anyio

from shuttle.clock import Clock
from shuttle.core.batch import Batch
from shuttle.core.suspicion import Attempts
from shuttle.delivery.delivery import Delivery, Part
from shuttle.delivery.queue import Queue

MOST_ASIDE = 8  # batches that are not suspect; each takes -batch-bytes of memory at most
MOST_SUSPECTS = 64  # batches; a wrong word in every tenth of them may be found out at once
PATIENCE = 3  # failures
QUEUE_SHARE = 4  # times as long as with a suspect batch, the single outlet is busy with the queue


class Deliveries:
    """Gives deliveries to `outlets` outlets, from the queue and from aside.

    `attempts` returns how the attempts of all batches have ended so far.
    """

    def __init__(self, queue: Queue, *, outlets: int, clock: Clock, attempts: Callable[[], Attempts]) -> None:
        self._queue = queue
        self._outlets = outlets
        self._clock = clock
        self._attempts = attempts
        self._held: set[Delivery] = set()
        self._failing: set[Delivery] = set()  # of those held, the ones whose last attempt has failed
        self._aside: deque[Delivery] = deque()
        self._idle: set[anyio.CancelScope] = set()  # of outlets that wait for a batch, or for a suspect to be due
        self._taken_at = 0.0  # when the last delivery was
        self._suspects_from = 0.0  # when the single outlet takes the next suspect, though others wait
        self._tests_drain = False  # the single outlet takes a batch from the queue next

    @property
    def others_wait(self) -> bool:
        """Whether a batch waits for an outlet."""
        return len(self._queue) > 0 or bool(self._aside)

    @property
    def queue_waits(self) -> bool:
        """Whether a batch waits in the queue."""
        return len(self._queue) > 0

    @property
    def oldest(self) -> float | None:
        """When the first line of the oldest batch was read, in seconds of the monotonic clock; None without any."""
        return min((delivery.batch.born for delivery in (*self._held, *self._aside)), default=None)

    @property
    def memory_bytes(self) -> int:
        """What their batches take in memory."""
        return sum(delivery.batch.size for delivery in (*self._held, *self._aside))

    async def take(self) -> Delivery | None:
        """Return the next delivery as soon as there is one; None when the queue is closed and nothing is left."""
        while (delivery := self._take_aside()) is None:
            batch, is_over = await self._take_from_queue()
            if batch:
                delivery = Delivery(batch, [Part(batch)], untold=not batch.again)
            elif is_over and self._aside:
                delivery = next((each for each in self._aside if not each.tried_last), self._aside[0])
                self._aside.remove(delivery)
            if delivery or is_over:
                break
        if delivery:
            self._held.add(delivery)
            self._taken_at = self._clock()
            if delivery.has_failed:
                self._failing.add(delivery)
        return delivery

    def release(self, delivery: Delivery) -> None:
        """Note that no outlet has `delivery` any more."""
        self._held.discard(delivery)
        self._failing.discard(delivery)
        if self._outlets == 1 and delivery.is_suspect:
            now = self._clock()
            self._suspects_from = now + QUEUE_SHARE * (now - self._taken_at)

    def note_failure(self, delivery: Delivery) -> None:
        """Note that the last attempt has failed."""
        self._failing.add(delivery)

    def note_success(self, delivery: Delivery) -> None:
        """Note that the last attempt has not failed."""
        self._failing.discard(delivery)

    def put_aside(self, delivery: Delivery) -> None:
        """Keep a delivery that no outlet has."""
        self._tests_drain = not delivery.is_suspect and not self.is_behind(delivery)
        delivery.failing_since = None
        self._aside.append(delivery)
        due = self._find_due()
        for scope in self._idle:
            scope.deadline = min(scope.deadline, due)

    def put_back(self, delivery: Delivery) -> None:
        """Keep a delivery whose outlet was interrupted. It is the next one."""
        self._aside.appendleft(delivery)
        self._suspects_from = 0.0
        self._tests_drain = False

    def clear_aside(self) -> list[Delivery]:
        """Return the deliveries that were put aside, and forget them."""
        aside = list(self._aside)
        self._aside.clear()
        return aside

    def is_behind(self, delivery: Delivery) -> bool:
        """Return whether one that is older, and not suspect, is aside."""
        return any(each.batch.born < delivery.batch.born and not each.is_suspect for each in self._aside)

    def is_to_step_aside(self, delivery: Delivery, *, patient: bool) -> bool:
        """Return whether `delivery`, which has just failed, is to leave the outlet to another one.

        `patient`: it would keep its place if order mattered.
        """
        failures = delivery.part.failures
        if delivery.is_suspect:
            return self.others_wait or self._find_start(delivery) > self._clock()
        if not self.others_wait or (self._is_full() and failures < PATIENCE):
            return False
        if not delivery.outcome.sent or len(self._failing) < self._outlets:
            return False
        return self._outlets > 1 or not patient or (failures >= PATIENCE and not delivery.outcome.answered)

    def is_stuck(self) -> bool:
        """Return whether only failing batches can be tried, or order forbids to try others."""
        if len(self._queue) > 0 and self._outlets > 1 and not self._is_full():
            return False
        ended = self._queue.closed and len(self._queue) == 0
        return ended or len(self._failing) >= max(1, self._outlets - 1)

    def all_fail(self) -> bool:
        """Return whether nothing waits in the queue, and every batch that an outlet has is failing."""
        return len(self._queue) == 0 and len(self._failing) == len(self._held)

    def _is_full(self) -> bool:
        return sum(not delivery.is_suspect for delivery in self._aside) >= MOST_ASIDE

    async def _take_from_queue(self) -> tuple[Batch | None, bool]:
        """Return the next batch as soon as there is one; None if none comes any more, or a suspect is due before.

        The second value is whether none comes any more.
        """
        self._tests_drain = False
        if len(self._queue) > 0:
            batch = await self._queue.take()
            return batch, batch is None
        with anyio.CancelScope(deadline=self._find_due()) as scope:
            self._idle.add(scope)
            try:
                batch = await self._queue.take()
            finally:
                self._idle.discard(scope)
            return batch, batch is None
        return None, False

    def _take_aside(self) -> Delivery | None:
        """Return the first delivery from aside if it is due; in the last round, one without an attempt."""
        if not self._aside:
            return None
        now = math.inf if self._is_overfull() else self._clock()
        found = next((each for each in self._list_next() if self._find_start(each) <= now), None)
        if found:
            self._aside.remove(found)
        return found

    def _find_due(self) -> float:
        """Return when a delivery from aside is to be taken; infinite if that does not depend on the time."""
        return min(map(self._find_start, self._list_next()), default=math.inf) if self._aside else math.inf

    def _find_start(self, delivery: Delivery) -> float:
        """Return when an outlet may take `delivery`. With one that is not suspect it waits at the gate."""
        return delivery.part.find_start(self._attempts()) if delivery.is_suspect else 0.0

    def _list_next(self) -> list[Delivery]:
        """Return the deliveries from aside that are taken before the queue, once their delay is over."""
        untried = [delivery for delivery in self._aside if not delivery.tried_last]
        if self._is_overfull() or (self._outlets == 1 and len(self._queue) == 0):
            return untried
        if self._outlets > 1:
            return untried if len(self._failing) < self._outlets - 1 else []
        if self._tests_drain:
            return []
        return [each for each in untried if not each.is_suspect or self._clock() >= self._suspects_from]

    def _is_overfull(self) -> bool:
        suspects = sum(delivery.is_suspect for delivery in self._aside)
        return len(self._aside) - suspects > MOST_ASIDE or suspects > MOST_SUSPECTS
