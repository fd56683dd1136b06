"""What a local drain cannot be started with is said in one line that names the option."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shuttle.errors import ConfigError, UsageError
from shuttle.local_drain import Behaviour, LocalDrain


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Behaviour(port=65536), "-port 65536: must be from 0 (any) to 65535"),
        (lambda: Behaviour(auth="secret"), "-auth (not shown): must be user:password"),
        (lambda: Behaviour(key=Path("k")), "-key 'k': needs -cert with its certificate"),
        (lambda: Behaviour(status=200), "-status 200: must be from 300 to 599"),
        (lambda: Behaviour(retry_after=1), "-retry-after 1: needs -status with the answer that it goes with"),
        (lambda: Behaviour(delay=-1.0), "-delay -1.0: must be 0 or more"),
        (lambda: Behaviour(max_body=-1), "-max-body -1: must be 0 or more"),
    ],
)
def test_a_wrong_setting_is_named(make: Callable[[], Behaviour], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert str(caught.value) == line


def test_an_unreadable_certificate_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    with (
        pytest.raises(ConfigError, match=r"^-cert '.*empty\.pem': .*must be PEM files"),
        LocalDrain(Behaviour(cert=empty)),
    ):
        pass


def test_no_repr_shows_credentials() -> None:
    assert "secret" not in repr(Behaviour(auth="token:secret", bearer="secret"))
