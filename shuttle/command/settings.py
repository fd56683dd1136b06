"""Turns flags and environment into a Config: precedence, the source of a wrong value, and warnings."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shuttle.command.flags import Value, parse_value
from shuttle.command.options import DEFAULTS, FLAGS
from shuttle.config import SETTINGS, Config
from shuttle.core.endpoint import may_be_amazon
from shuttle.core.setting import name_flag
from shuttle.errors import ConfigError, UsageError

PREFIX = "LOG_SHUTTLE_"
_URL_VARIABLES = (f"{PREFIX}LOGS_URL", "LOGS_URL", "LOGPLEX_URL")  # the first that is set wins
_OF_APPLICATIONS = ("split_stderr", "stderr_prival")
_FLAGS = {flag.name: flag for flag in FLAGS}
_VARIABLES = {PREFIX + flag.name.upper().replace("-", "_"): flag for flag in FLAGS if not flag.final}


class Given(NamedTuple):
    """A value, and what the user who gave it calls it: `-wait` or `LOG_SHUTTLE_WAIT`."""

    called: str
    value: Any


def find_given(flags: Mapping[str, Value], environ: Mapping[str, str]) -> dict[str, Given]:
    """Return the given settings by keyword, from the parsed `flags`, else from variables in `environ`.

    Raises:
        ConfigError: A variable's value is not accepted; the text names the variable.
    """
    given = _read_variables(environ)
    given |= {_FLAGS[name].keyword: Given(f"-{name}", value) for name, value in flags.items()}
    given["logs_url"] = next(iter(_find_urls(flags, environ)), Given("-logs-url", ""))
    for name in ("logs_url", "bearer_token"):
        _choose_secret(given, name)
    _apply_skip_headers(given)
    _find_aws_endpoint(given, environ)
    return given


def find_check(flags: Mapping[str, Value], environ: Mapping[str, str]) -> Value:
    """Return the extent of the check that the flag or the variable asks for; an empty text for none.

    Raises:
        ConfigError: The variable's value is not accepted.
    """
    if "check" in flags:
        return flags["check"]
    variable = f"{PREFIX}CHECK"
    try:
        return parse_value(_FLAGS["check"], environ.get(variable) or "false", given_as=variable)
    except UsageError as error:
        raise ConfigError(str(error)) from None


def make_config(given: Mapping[str, Given]) -> Config:
    """Return the Config for the given settings.

    Raises:
        ConfigError: A setting is out of its range.
    """
    return Config(**{keyword: one.value for keyword, one in given.items() if keyword in SETTINGS})


def find_ineffective(given: Mapping[str, Given], config: Config, *, wraps: bool = False) -> Iterator[str]:
    """Yield a warning for each given setting that has no effect in `config`.

    `wraps` says whether there is an application.

    One that is switched off, as it is by default, was meant to have none.
    """
    for keyword, one in given.items():
        setting = SETTINGS.get(keyword)
        if setting is None or not (one.value or DEFAULTS.get(keyword)):
            continue
        missing = [need.text for need in setting.needs if not need.is_met(config)]
        if keyword in _OF_APPLICATIONS and not wraps:
            missing.insert(0, "has no effect without -- and an application")
        if missing:
            yield f"{one.called} {missing[0]}"


def name_giver(text: str, given: Mapping[str, Given]) -> str:
    """Replace the flag at the start of an error's `text` by the variable or alias that gave the setting."""
    called = {name_flag(keyword): one.called for keyword, one in given.items()}
    return re.sub(r"^-[a-z-]+", lambda match: called.get(match[0], match[0]), text)


def find_warnings(flags: Mapping[str, Value], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield warnings about the given flags and variables: names only, never a value."""
    used = [(f"-{name}", _FLAGS[name]) for name in flags]
    used += [(variable, flag) for variable, flag in _VARIABLES.items() if environ.get(variable)]
    for called, flag in used:
        if flag.deprecated:
            yield f"{called} {flag.deprecated}"
    urls = _find_urls(flags, environ)
    for other in urls[1:]:
        yield f"{other.called} is not used: {urls[0].called} wins over it"
    file = next((called for called, flag in used if flag.name == "logs-url-file"), "")
    if urls and file and not urls[0].called.startswith("-"):
        yield f"{urls[0].called} is not used: {file} wins over it"
    if urls and urls[0].called == "LOGPLEX_URL":
        yield "LOGPLEX_URL is deprecated: use LOGS_URL"
    for variable in environ:
        # An image often says by ..._VERSION what it holds, and -version is no setting.
        if variable.startswith(PREFIX) and variable not in {*_VARIABLES, f"{PREFIX}VERSION"}:
            import difflib  # noqa: PLC0415  # start-up: only mistakes need it

            names = [known.removeprefix(PREFIX) for known in _VARIABLES]
            nearest = difflib.get_close_matches(variable.removeprefix(PREFIX), names, n=1)
            yield f"{variable} sets nothing" + (f": did you mean {PREFIX}{nearest[0]}?" if nearest else "")


def _read_variables(environ: Mapping[str, str]) -> dict[str, Given]:
    """Return by keyword what the LOG_SHUTTLE_ variables of `environ` give; an empty one gives nothing."""
    given = {}
    for variable, flag in _VARIABLES.items():
        if text := environ.get(variable):
            try:
                value = parse_value(flag, text, given_as=variable)
                given[flag.keyword] = Given(variable, tuple(text.split(os.pathsep)) if flag.repeatable else value)
            except UsageError as error:
                raise ConfigError(str(error)) from None  # the command line itself can be read
    return given


def _find_urls(flags: Mapping[str, Value], environ: Mapping[str, str]) -> list[Given]:
    """Return the drain's URLs that are given and not empty, the one that wins first."""
    urls = [Given("-logs-url", flags.get("logs-url"))]
    urls += [Given(variable, environ.get(variable)) for variable in _URL_VARIABLES]
    return [url for url in urls if url.value]


def _choose_secret(given: dict[str, Given], name: str) -> None:
    """Keep either a secret or its file: a flag wins over a variable, and between variables the file wins."""
    value, file = given.get(name), given.get(f"{name}_file")
    if not value or not value.value or not file:
        return
    if file.called.startswith("-") and value.called.startswith("-"):
        return  # the configuration refuses both
    given.pop(f"{name}_file" if value.called.startswith("-") else name)


def _find_aws_endpoint(given: dict[str, Given], environ: Mapping[str, str]) -> None:
    """Use AWS's endpoint variables, the more specific one first, if none of our settings gives an endpoint."""
    host = re.match(r"https?://(?:[^/?#]*@)?([^/?#:@]+)", given["logs_url"].value if "logs_url" in given else "")
    if not host or not may_be_amazon(host[1]):
        return
    from shuttle.core import aws_stream as aws  # noqa: PLC0415  # start-up: few need it

    try:
        service = aws.read_host(host[1])
    except ConfigError:  # the check of the URL says so
        return
    for variable in aws.ENDPOINT_VARIABLES[service.name] if service else ():
        if "aws_endpoint" not in given and environ.get(variable):
            given["aws_endpoint"] = Given(variable, environ[variable])


def _apply_skip_headers(given: dict[str, Given]) -> None:
    skip, form = given.get("skip_headers"), given.get("input_format")
    if not skip or not skip.value:
        return
    if form and form.value == "lprfc5424":
        raise ConfigError(f"{skip.called}: cannot be combined with {form.called} lprfc5424 (it means rfc5424)")
    given["input_format"] = Given(skip.called, "rfc5424")
