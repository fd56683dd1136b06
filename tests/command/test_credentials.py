"""No credential is told, wherever on the command line or in the environment a URL was put, and however malformed."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from shuttle.command.flags import parse_flags
from shuttle.command.options import FLAGS
from shuttle.command.settings import find_given, find_warnings, make_config
from shuttle.errors import ConfigError

ODD = st.text(alphabet="az09:/?#@%[]\\ !$&'()*+,;=~^|{}`\"<>-_.é\n\udc80", max_size=5)
PASSWORDS = st.builds("{}zq9secret{}".format, ODD, ODD)
URLS = st.sampled_from(
    [
        "https://u:{}@h/",
        "https://{}@h:80/",
        "https://u:{}@h:port",
        "https://u:{}@[::1",
        "https://u:{}@",
        "https://h/{}",
        "https:/u:{}@h",
        "https//u:{}@h",
        "ftp://u:{}@h",
        "://u:{}@h",
        " https://u:{}@h",
        "u:{}@h",
    ]
)
ARGUMENTS = st.sampled_from(
    [
        *(["-logs-url", "{}"], ["-logs-url={}"], ["--logs-url", "{}"], ["-logs-urll={}"], ["-logs-urll", "{}"]),
        *(["{}"], ["-{}"], ["--{}"], ["--", "{}"], ["-drop", "{}"], ["-gzip={}"], ["-h=false", "{}"]),
        *(["-wait", "{}"], ["-wait={}"], ["-batch-size", "{}"], ["-batch-bytes", "{}"], ["-ca-file", "{}"]),
        *(["-input-format", "{}"], ["-prival", "{}"], ["-appname", "{}"], ["-msgid", "{}"], ["-stats-format", "{}"]),
        *(["-wait", "-logs-url={}"], ["-logs-url", "x", "{}"], ["-bearer-token", "{}\n"], ["-drain-token={}\n"]),
    ]
)
VARIABLES = st.sampled_from(
    [
        *("LOGS_URL", "LOGPLEX_URL", "LOG_SHUTTLE_LOGS_URL", "LOG_SHUTTLE_LOGS_URLL", "LOG_SHUTTLE_WAIT"),
        *("LOG_SHUTTLE_DROP", "LOG_SHUTTLE_BEARER_TOKEN", "LOG_SHUTTLE_CA_FILE", "LOG_SHUTTLE_PRIVAL"),
    ]
)


def collect(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return all that the command would tell the user about its configuration."""
    try:
        flags = parse_flags(argv, FLAGS)
        config = make_config(find_given(flags, environ))
        return "\n".join([*find_warnings(flags, environ), repr(config)])
    except ConfigError as error:
        return str(error)


@given(url=URLS, password=PASSWORDS, arguments=ARGUMENTS)
def test_credentials_in_arguments_are_never_shown(url: str, password: str, arguments: list[str]) -> None:
    """They may be in a URL anywhere on the command line."""
    text = url.format(password)
    assert "zq9" not in collect([part.format(text) for part in arguments], {}).lower()


@given(url=URLS, password=PASSWORDS, variable=VARIABLES)
def test_credentials_in_variables_are_never_shown(url: str, password: str, variable: str) -> None:
    assert "zq9" not in collect([], {variable: url.format(password)}).lower()
