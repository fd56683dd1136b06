"""`python -m shuttle.local_drain` is the command `log-shuttle-drain`."""

import sys

from shuttle.local_drain.program import main

sys.exit(main())
