"""The command log-shuttle: flags, environment, signals, exit code."""
