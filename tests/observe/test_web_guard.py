"""Whoever asks for another machine's name, or comes from another site, gets no page."""

import pytest

from shuttle.observe.web_guard import HEADERS, is_for_here, is_from_elsewhere


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:9080", "10.0.0.5:80"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_for_here(host, "10.0.0.5")


@pytest.mark.parametrize(
    "host",
    [
        *(
            None,
            "",
            "evil.example",
            "evil.example:9080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.6",
        ),
        *(
            "localhost:",
            "localhost:x",
            "localhost:80:80",
            "localhost ",
            "local\nhost",
            "127.0.0.1@evil.example",
            "[::2]",
        ),
        *("localhost\n", "::1", "[::1", "0.0.0.0", "http://localhost", "localhost:123456"),
    ],
)
def test_names_of_others(host: str | None) -> None:
    assert not is_for_here(host, "10.0.0.5")


@pytest.mark.parametrize(
    ("site", "mode", "elsewhere"),
    [
        (None, None, False),
        ("same-origin", "cors", False),
        ("none", "navigate", False),
        ("cross-site", "navigate", False),
        ("cross-site", "cors", True),
        ("cross-site", "no-cors", True),
        ("same-site", "cors", True),
        ("cross-site", None, True),
        ("", "", True),
    ],
)
def test_requests_of_other_sites(site: str | None, mode: str | None, elsewhere: bool) -> None:
    assert is_from_elsewhere(site, mode) == elsewhere


def test_the_policy_allows_the_pages_own_files_alone() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not {"*", "data:", "http:", "https:"} & set(policy.replace(";", "").split())
