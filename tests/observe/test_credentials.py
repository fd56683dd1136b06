"""Every credential of a configuration is known, and so is kept out of what is written."""

import pytest

from shuttle.config import Config
from shuttle.core.mask import Mask
from shuttle.observe.credentials import find_credentials, find_given_credentials

CONFIG = Config(
    logs_url="https://zq9user:zq9%2Fpass@drain.example/inputs/zq9pathtoken?key=zq9query",
    bearer_token="zq9bearer",
    drain_token="zq9drain",
)
ENVIRON = {
    "https_proxy": "http://zq9proxy:zq9gate@proxy.example:3128",
    "ALL_PROXY": "zq9all:zq9gate2@proxy.example:3128",
    "no_proxy": "localhost",
    "HOME": "/srv/somebody",
}
GIVEN = ["zq9user", "zq9/pass", "zq9pathtoken", "zq9query", "zq9bearer", "zq9drain"]


@pytest.mark.parametrize("secret", [*GIVEN, "zq9proxy", "zq9gate", "zq9all", "zq9gate2"])
def test_each_credential_is_found(secret: str) -> None:
    assert secret in set(find_credentials(CONFIG, ENVIRON))


def test_what_is_no_credential_is_shown() -> None:
    text = "https://drain.example/inputs proxy.example:3128 localhost /srv/somebody token shuttle"
    assert Mask(find_credentials(CONFIG, ENVIRON))(text) == text


def test_a_stream_of_amazons_is_named_and_its_keys_are_not() -> None:
    url = "https://AKIDEXAMPLE:zq9%2Fsecret@kinesis.us-east-1.amazonaws.com/a-long-stream"
    environ = {"AWS_SESSION_TOKEN": "zq9session", "AWS_SECRET_ACCESS_KEY": "zq9key", "AWS_ACCESS_KEY_ID": "AKIDOTHER"}
    mask = Mask(find_credentials(Config(logs_url=url), environ))
    text = "Stream a-long-stream under AKIDEXAMPLE: zq9%2fsecret zq9session zq9key AKIDOTHER"
    assert mask(text) == "Stream a-long-stream under ***: *** *** *** ***"


@pytest.mark.parametrize(
    ("argv", "environ"),
    [
        (["-bearer-token", "zq9secret"], {}),
        (["--bearer-token=zq9secret", "-wait", "1s"], {}),
        (["-logs-url", "https://u:zq9secret@h/"], {}),
        (["-wait", "-logs-url=https://zq9secret@h"], {}),
        ([], {"LOG_SHUTTLE_BEARER_TOKEN": "zq9secret"}),
        ([], {"LOGS_URL": "https://u:zq9secret@h/"}),
        ([], {"LOGPLEX_URL": "https://h/zq9secret"}),
        ([], {"http_proxy": "u:zq9secret@h"}),
    ],
)
def test_a_credential_is_found_before_anything_was_checked(argv: list[str], environ: dict[str, str]) -> None:
    assert "zq9secret" in set(find_given_credentials(["logs-url", "bearer-token"], argv, environ))
