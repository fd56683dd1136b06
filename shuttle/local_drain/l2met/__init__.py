"""l2met in a box: numbers out of log lines, kept for five minutes, without a clock or a socket."""
