"""A host's logger that raises an error."""

from tests.helpers.virtual import Journal


class FaultyLogger(Journal):
    """Raises a RuntimeError for one event, and takes all others."""

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event

    def info(self, event: str, /, **data: object) -> None:
        if event == self._event:
            raise RuntimeError(event)
        super().info(event, **data)

    debug = warning = error = info
