"""`python -m shuttle.drain.local` is the command `log-shuttle-drain`."""

import sys

from shuttle.drain.local.command import main

sys.exit(main())
