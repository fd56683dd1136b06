"""A running agent's -stats-addr: where it is, and what it answers."""

import re

import httpx

from tests.helpers.process import LONGEST, Agent

FLAG = ("-stats-addr", "0")


def find_url(agent: Agent) -> str:
    """Return the address that the agent tells in its log."""
    agent.hear("stats.listening")
    found = re.search(r" at=stats\.listening url=(\S+)$", "".join(agent.err), re.MULTILINE)
    assert found
    return found[1]


def fetch(agent: Agent, path: str, **headers: str) -> httpx.Response:
    """Return the answer to a request."""
    return httpx.get(find_url(agent) + path, headers=headers, timeout=LONGEST, trust_env=False)


def read_metrics(text: str) -> dict[str, float]:
    """Return the samples of an exposition, by their names and labels without the prefix."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name.removeprefix("log_shuttle_"): float(value) for name, _, value in lines}
