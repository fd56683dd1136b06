"""The lifetimes of connections."""

IDLE_LIMIT = 4.5  # seconds; logplex closes a connection after 5 s without a request
AGE_LIMIT = 60.0  # seconds; a drain that moved is found within as long as its name's records usually live
