"""How far the reading of files has got."""

import anyio


class Progress:
    """What was read, and whether the reading waits for the drain."""

    def __init__(self) -> None:
        self.taken = 0
        """Bytes of files that were read."""
        self.blocked = anyio.Event()
        """Set while the intake takes something in. It waits, and this stays set, while the drain takes nothing."""
