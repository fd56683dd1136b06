"""Signs requests to AWS. AWS's own library finds the credentials and makes the signatures."""

from typing import Any

import anyio
import anyio.to_thread
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from shuttle.core.aws_stream import Destination

_LONGEST = 30.0  # seconds that finding credentials may take
_ADVICE = "put them into -logs-url, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role"


# What finding and renewing them may end in, the user's own programs and files included.
_ERRORS: tuple[type[Exception], ...] = (BotoCoreError, ClientError, OSError, RuntimeError, ValueError, TypeError)
_ERRORS += (AttributeError, LookupError)


class CredentialsError(httpx.TransportError):
    """There are no credentials, or they cannot be renewed now."""


class Signer:
    """Signs with the credentials of the URL, else with those that AWS's usual chain finds."""

    def __init__(self, destination: Destination) -> None:
        self._service = destination.service
        self._given = Credentials(destination.key, destination.secret) if destination.key else None
        self._found: Any = None  # Credentials of some kind

    async def sign(self, url: httpx.URL, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """Return `headers` and those that authorize a POST of `body` to `url` now.

        Raises:
            CredentialsError: There are no credentials, or they cannot be renewed now.
        """
        request = AWSRequest("POST", str(url), headers=headers, data=body)
        name, region = self._service
        try:
            with anyio.fail_after(_LONGEST):
                credentials = await self._find_credentials()
            SigV4Auth(credentials, name, region).add_auth(request)
            signed = {key: str(value) for key, value in request.headers.items()}
            if not all(value.isascii() and value.isprintable() for value in signed.values()):
                raise ValueError("they hold what no header can")
        except _ERRORS as error:
            raise CredentialsError(f"no AWS credentials ({error}): {_ADVICE}") from error
        return signed

    @property
    def origin(self) -> str:
        """The source of the last credentials: -logs-url, or a step of AWS's chain, in AWS's words."""
        return "-logs-url" if self._given else f"AWS's chain ({getattr(self._found, 'method', 'unknown')})"

    def renew(self) -> None:
        """Note that the credentials have expired: `sign` looks for new ones."""
        self._found = None

    async def _find_credentials(self) -> ReadOnlyCredentials | Credentials:
        if self._given:
            return self._given
        if self._found is None:  # which may ask the container, or the machine, it runs on
            self._found = await anyio.to_thread.run_sync(_find, abandon_on_cancel=True)
        if self._found is None:
            raise ValueError("none found")
        frozen: ReadOnlyCredentials
        if hasattr(self._found, "refresh_needed") and self._found.refresh_needed():
            frozen = await anyio.to_thread.run_sync(self._found.get_frozen_credentials, abandon_on_cancel=True)
        else:
            frozen = self._found.get_frozen_credentials()
        return frozen


def _find() -> Any:
    from botocore.session import Session  # noqa: PLC0415  # takes 0.03 s, and only if the URL has no credentials

    return Session().get_credentials()
