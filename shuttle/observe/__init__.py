"""What an operator sees: the log, statistics, progress."""
