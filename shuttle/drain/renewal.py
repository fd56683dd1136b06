"""Renews credentials from files that may have changed."""

from collections.abc import Callable, Iterable

from shuttle.config import Config
from shuttle.core.endpoint import Endpoint
from shuttle.errors import ConfigError
from shuttle.observe.credentials import find_credentials
from shuttle.observe.log import Logger

_RESTART = "restart log-shuttle to use another host"


class Renewal:
    """Reads the files of `config` again. `learn` is given new credentials before they are used, to mask them."""

    def __init__(self, config: Config, log: Logger, learn: Callable[[Iterable[str]], None]) -> None:
        self._config = config
        self._log = log
        self._learn = learn
        self._told = ""

    def __call__(self) -> Endpoint | None:
        """Return the endpoint if the files have changed; None if not, or if it cannot be used."""
        try:
            config = self._config.renew()
        except ConfigError as error:
            self._tell(str(error))
            return None
        if config == self._config:
            return None
        self._learn(find_credentials(config, {}))
        if config.endpoint.shown != self._config.endpoint.shown:
            old, new = self._config.endpoint.shown, config.endpoint.shown
            self._tell(f"-logs-url-file now names {new}, but {old} is in use", advice=_RESTART)
            return None
        self._config = config
        self._log.info("credentials.renewed")
        return config.endpoint

    def _tell(self, error: str, **advice: str) -> None:
        """Log why new credentials cannot be used, once."""
        if error != self._told:
            self._told = error
            self._log.warning("credentials.unusable", error=error, **advice)
