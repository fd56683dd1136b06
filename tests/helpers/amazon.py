"""Amazon's services: scripted ones in memory, and moto's server as a process."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
import httpx
import pytest

from tests.helpers.process import LONGEST, clean_environ

KEY, SECRET = "AKIDEXAMPLE", "zq9secret"
KINESIS_URL = f"https://{KEY}:{SECRET}@kinesis.us-east-1.amazonaws.com/logs"
LOGS_URL = f"https://{KEY}:{SECRET}@logs.us-east-1.amazonaws.com/app/web/web.1"

Call = dict[str, Any]
Answer = tuple[int, dict[str, Any]]
Script = Callable[[str, Call], Answer | None]
"""Takes the operation and the call, and returns the answer; None is the good one."""


class Amazon(httpx.AsyncBaseTransport):
    """Takes calls as the services do, but for what the script says."""

    def __init__(self, script: Script | None = None) -> None:
        self.calls: list[tuple[str, Call]] = []
        self.requests: list[httpx.Request] = []
        self.records: list[bytes] = []
        self.events: list[tuple[int, str]] = []
        self._script = script or (lambda *_: None)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = json.loads(await request.aread())
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        self.requests.append(request)
        self.calls.append((operation, call))
        status, answer = self._script(operation, call) or self.take(operation, call)
        return httpx.Response(status, json=answer)

    def take(self, operation: str, call: Call, failing: Callable[[int], bool] = lambda _: False) -> Answer:
        """Take all of a call but the records at places that are `failing`, and return the answer."""
        if operation == "PutRecords":
            results = []
            for place, record in enumerate(call["Records"]):
                if failing(place):
                    results.append({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"})
                else:
                    self.records.append(base64.b64decode(record["Data"]))
                    results.append({"SequenceNumber": "1", "ShardId": "shardId-000000000000"})
            return 200, {"FailedRecordCount": 0, "Records": results}
        if operation == "PutLogEvents":
            self.events += [(event["timestamp"], event["message"]) for event in call["logEvents"]]
            return 200, {"nextSequenceToken": "x"}
        return 200, {}


def fail(kind: str, message: str = "no", status: int = 400) -> Answer:
    return status, {"__type": kind, "message": message}


def in_turn(*answers: Answer | None) -> Script:
    """Return a script of these answers, and good ones after them."""
    left = list(answers)
    return lambda *_: left.pop(0) if left else None


@contextmanager
def moto() -> Iterator[str]:
    """Run moto's server, and yield its URL."""
    pytest.importorskip("moto", reason="moto is not installed: pip install '.[test]'")
    command = [sys.executable, "-m", "moto.server", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=clean_environ(), text=True) as process:
        try:
            assert process.stderr
            for line in process.stderr:
                if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", line):
                    yield found[1]
                    break
        finally:
            process.kill()


def make_client(service: str, url: str) -> Any:
    """Return AWS's own client of a service at `url`."""
    session = botocore.session.Session()
    session.set_credentials(KEY, SECRET)
    return session.create_client(service, region_name="us-east-1", endpoint_url=url)


def with_endpoint(url: str) -> dict[str, str]:
    """Return the environment in which AWS's services are at `url`."""
    return {"AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true", "HOME": os.devnull}


GUARD = LONGEST
