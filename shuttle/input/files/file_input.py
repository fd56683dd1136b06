"""Files in place of stdin: their checkpoints, what is read of them, and what becomes of it."""

from collections.abc import Callable, Sequence

from shuttle.clock import Clock
from shuttle.config import Config
from shuttle.core.batch import Batch
from shuttle.delivery.intake import Intake
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.labels import ANY, Labels, fill_header
from shuttle.input.files.recorder import Recorder
from shuttle.input.files.scheduler import Scheduler
from shuttle.observe.log import Logger
from shuttle.store.checkpoints import Checkpoints


class FileInput:
    """The files of a configuration.

    Raises:
        ConfigError: The directory of the checkpoints cannot be used.
    """

    def __init__(self, config: Config, *, log: Logger, clock: Clock) -> None:
        self._config = config
        self._log = log
        self._clock = clock
        self.header = fill_header(config, ANY)
        """The configuration of frames that are of no file: the reports."""
        self._checkpoints = Checkpoints.open(config.state_dir, log)
        self._scheduler: Scheduler | None = None
        self._labels = Labels(config)
        self._catalogue = Catalogue(self._checkpoints, self._labels, clock)
        self._recorder = Recorder(self._checkpoints, self._catalogue)
        if config.follow and config.state_dir is None:
            log.info("state.none", advice="-state-dir keeps how far each file has been delivered for the next start")

    async def follow(self, intake: Intake, miss: Callable[[int], None]) -> None:
        """Read the files into `intake`; `miss` counts lines that vanished before they were read."""
        self._scheduler = Scheduler(
            self._config,
            checkpoints=self._checkpoints,
            recorder=self._recorder,
            catalogue=self._catalogue,
            labels=self._labels,
            intake=intake,
            miss=miss,
            log=self._log,
            clock=self._clock,
        )
        await self._scheduler.run()

    def leave(self) -> bool:
        """Read nothing more but what nobody can read later; say whether there is any."""
        return bool(self._scheduler and self._scheduler.leave())

    def measure(self) -> tuple[int, int]:
        """Return the bytes that were read, and those that are there and were not."""
        return self._scheduler.measure() if self._scheduler else (0, 0)

    async def record(self, batches: Sequence[Batch]) -> None:
        """Record batches that are about to be sent; those of FIFOs cannot be read again."""
        if self._config.state_dir and (own := [batch for batch in batches if batch.spans]):
            self._recorder.plan(own)

    def settle(self, batch: Batch) -> None:
        """Note that every line of `batch` is delivered or accounted lost."""
        if self._config.state_dir and batch.spans:
            self._recorder.settle(batch)

    async def run(self) -> None:
        """Record what is settled, until cancelled."""
        await self._recorder.run()

    async def release(self) -> None:
        """Record what is settled, and let go of the checkpoints."""
        self._recorder.close()
        self._checkpoints.close()

    def count_kept(self, unrecorded: int) -> int:
        """Return how many lines the next start reads again: those in flight, and those not recorded yet."""
        return self._recorder.lines + unrecorded if self._config.state_dir else 0
