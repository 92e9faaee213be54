"""Where webhooks may go."""

import socket
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.webhook_target import NotAllowed, Target, Unreachable, check_url, is_public, locate
from queue_config.errors import InvalidRequest

PUBLIC = "93.184.215.14"


def resolving_to(*addresses: str) -> Any:
    """getaddrinfo, as a DNS server's answer makes it."""

    def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return getaddrinfo


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_open_internet_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111", f"::ffff:{PUBLIC}"])
def test_an_ordinary_address_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_however_it_is_wrapped(address: Any) -> None:
    for wrapped in (f"::ffff:{address}", ip_address(int(ip_address("64:ff9b::")) + int(address))):
        assert is_public(ip_address(wrapped)) == is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "file:///etc/passwd", "https://", "https:///x", "https://a b/",
        "http://example.com/", "https://user:pw@example.com/", "https://127.0.0.1/", "https://[::1]:8443/",
        "https://example.com:99999/", "https://example.com/\n", "https://ex\u00e4mple.com/",
        "https://e.com/" + "x" * 2048,
        "https://169.254.169.254/latest/meta-data",
    ],
)  # fmt: skip
def test_a_url_that_no_webhook_may_have_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"webhook\.url"):
        check_url(url, "webhook.url", allow_private=False)


@pytest.mark.parametrize("url", ["https://example.com/hook?a=b", "https://example.com:8443", f"https://{PUBLIC}/"])
def test_an_ordinary_url_is_taken(url: str) -> None:
    assert check_url(url, "webhook.url", allow_private=False) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "https://[::1]/", "http://printer.local/"])
def test_the_setting_opens_what_is_private(url: str) -> None:
    assert check_url(url, "webhook.url", allow_private=True) == url


def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(PUBLIC, "1.1.1.1"))

    assert locate("https://example.com:8443/a/b?c=d#e", allow_private=False) == Target(
        PUBLIC, 8443, "https", "example.com", "/a/b?c=d"
    )


@pytest.mark.parametrize("addresses", [["10.0.0.1"], [PUBLIC, "127.0.0.1"], ["::1"], ["fe80::1%eth0"]])
def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(*addresses))

    with pytest.raises(NotAllowed):
        locate("https://innocent.example/", allow_private=False)


def test_plain_http_is_not_called_even_if_it_was_once_allowed() -> None:
    with pytest.raises(NotAllowed):
        locate(f"http://{PUBLIC}/", allow_private=False)


def test_a_name_that_leads_nowhere_may_lead_somewhere_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(Unreachable):
        locate("https://nowhere.example/", allow_private=False)
