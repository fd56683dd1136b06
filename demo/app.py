"""A sample application: a shop that answers requests and writes a line or more about each on stdout.

Told to stop, it does not fall silent: it finishes what it has begun, as a web server does, and goes on writing.
On stderr it says at the end how many lines it wrote. With `--metrics` it also writes what l2met charts.
"""
# ruff: noqa: T201, S311 - it prints, as applications do; its traffic is invented

import random
import signal
import sys
import time
from collections.abc import Iterator

PAUSE = 0.08  # seconds between two requests: an eye can follow
FINISHING = 10  # requests that are under way when it is told to stop
_PATHS = ("/", "/cart", "/orders/1138", "/search?q=tea+pot", "/favicon.ico", "/menu/café")
_TROUBLE = """\
Traceback (most recent call last):
  File "shop/checkout.py", line 84, in pay
    receipt = bank.charge(order.total, card)
TimeoutError: the bank did not answer within 3 s"""


def measure(number: int, chance: random.Random) -> Iterator[str]:
    """Yield the lines with metrics that the request of this number makes."""
    took = chance.lognormvariate(1.4, 0.5)
    yield f"source=web.1 measure#db.latency={took:.1f}ms count#checkout={chance.randint(0, 2)}"
    if number % 25 == 0:
        yield f"source=web.1 sample#memory_total={184 + number / 50:.1f}MB sample#db.size=100GB"


def handle(number: int, chance: random.Random) -> Iterator[str]:
    """Yield the lines that the request of this number makes."""
    path = chance.choice(_PATHS)
    failed = number % 29 == 0
    status, took = (502, 3000) if failed else (200, chance.randint(4, 180))
    if failed:
        yield from _TROUBLE.splitlines()
    yield f"at=info method=GET path={path} status={status} service={took}ms request={number:04d}"


def main() -> None:
    """Answer requests until SIGTERM or SIGINT, then those that are under way."""
    measured = "--metrics" in sys.argv[1:]
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.append(number))
    chance = random.Random(5424)
    written = 0

    def write(line: str) -> None:
        nonlocal written
        print(line, flush=True)
        written += 1

    write("shop is listening on port 8000")
    last = sys.maxsize
    request = 0
    while request < last:
        request += 1
        for line in (*handle(request, chance), *(measure(request, chance) if measured else ())):
            write(line)
        time.sleep(PAUSE)
        if told and last == sys.maxsize:
            write(f"shop was told to stop, {FINISHING} requests are under way")
            last = request + FINISHING
    write("shop has stopped")
    print(f"{written} lines written", file=sys.stderr)


if __name__ == "__main__":
    main()
