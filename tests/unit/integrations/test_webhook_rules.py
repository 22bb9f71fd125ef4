"""The messages are those of Standard Webhooks; what is not public is refused; retries go on for three days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.infra.outbound import TargetRefused, check_url, is_public
from app.integrations.webhooks.rules import (
    RETRY_DELAYS,
    EventTypesInvalid,
    check_event_types,
    message,
    new_secret,
    next_try,
    pause_seconds,
    secret_bytes,
    signed_headers,
    wants,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "id": UUID(int=7), "position": 42, "event": "invoice.issued", "recorded_at": NOW, "entity_type": "invoice",
    "entity_id": UUID(int=8), "actor_kind": "user", "actor_id": None, "actor_name": "Grâce", "reason": None,
    "effective_date": date(2026, 2, 28), "before": None, "after": {"amount_minor": 125_000},
}  # fmt: skip


def test_the_library_of_the_standard_verifies_either_secret_and_nothing_else() -> None:
    now = datetime.now(UTC)  # the library looks at the clock
    old, new, foreign = (new_secret(bytes([byte]) * 32) for byte in (1, 2, 3))
    sent = message(EVENT)
    headers = signed_headers([secret_bytes(new), secret_bytes(old)], sent, now)
    for secret in (old, new):
        verified = Webhook(secret).verify(sent.body.decode(), headers)
        assert verified["type"] == "invoice.issued"
        assert verified["data"]["after"] == {"amount_minor": 125_000}
        assert verified["data"]["actor"]["name"] == "Grâce"
    with pytest.raises(WebhookVerificationError):
        Webhook(foreign).verify(sent.body.decode(), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(sent.body.decode().replace("125000", "125001"), headers)
    late = signed_headers([secret_bytes(new)], sent, now - timedelta(minutes=10))
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(sent.body.decode(), late)


def test_the_message_id_is_the_events_own_in_every_try() -> None:
    assert message(EVENT).id == message({**EVENT, "position": 43}).id
    assert message(EVENT).id != message({**EVENT, "id": UUID(int=9)}).id


def test_a_short_secret_is_none() -> None:
    with pytest.raises(ValueError, match="24 bytes"):
        new_secret(b"x" * 23)


@pytest.mark.parametrize(
    ("types", "event", "wanted"),
    [
        ([], "invoice.issued", True),
        (["invoice.issued"], "invoice.issued", True),
        (["invoice.issued"], "invoice.voided", False),
        (["invoice.*"], "invoice.voided", True),
        (["invoice.*"], "invoices.voided", False),
        (["a.b.*"], "a.b.c", True),
        (["a.b.*"], "a.c", False),
    ],
)
def test_types_are_names_or_all_of_a_kind(types: list[str], event: str, wanted: bool) -> None:
    assert wants(types, event) is wanted


def test_types_are_checked() -> None:
    assert check_event_types(["b.c", "a.*", "b.c"]) == ["a.*", "b.c"]
    assert check_event_types(["a.b", "*"]) == []
    for bad in ("Invoice.issued", "invoice issued", "*.issued", "a.*.b", "x" * 101, "", "é.a"):
        with pytest.raises(EventTypesInvalid):
            check_event_types([bad])


def test_tries_go_on_for_a_little_over_three_days() -> None:
    assert timedelta(days=3) < sum(RETRY_DELAYS, timedelta()) < timedelta(days=4)
    assert next_try(1, NOW, 0) == NOW + timedelta(seconds=5)
    assert next_try(1, NOW, 999) is not None
    assert next_try(len(RETRY_DELAYS), NOW, 0) is not None
    assert next_try(len(RETRY_DELAYS) + 1, NOW, 0) is None


def test_a_receiver_may_ask_for_a_later_try_but_not_for_years() -> None:
    assert next_try(1, NOW, 0, "120") == NOW + timedelta(minutes=2)
    assert next_try(1, NOW, 0, "99999999999") == NOW + timedelta(days=1)
    for odd in ("", "-5", "soon", "١٢"):
        assert next_try(1, NOW, 0, odd) == NOW + timedelta(seconds=5)


def test_an_endpoint_rests_longer_each_time() -> None:
    assert [pause_seconds(n) for n in (1, 2, 3, 7, 1000)] == [5, 10, 20, 300, 300]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
     "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1",
     "2001:db8::1", "nonsense"],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    ["http://erp.example.com/", "ftp://erp.example.com/", "https://", "https:///path", "https://user:pw@example.com/",
     "https://localhost/", "https://a.internal/", "https://127.0.0.1/", "https://[::1]/", "https://127.1/",
     "https://0x7f.0.0.1/", "https://2130706433/", "https://intranet/", "https://example.com/#part",
     "https://example.com:0/", "https://example.com:99999/", "https://exa mple.com/", "https://example.com/\n",
     "https://exämple.com/", "https://example.com/" + "x" * 2_000, "https://[::ffff:10.0.0.1]/"],
)  # fmt: skip
def test_urls_that_are_not_called(url: str) -> None:
    with pytest.raises(TargetRefused):
        check_url(url)


def test_urls_that_are_called() -> None:
    assert check_url("https://erp.example.com:8443/hooks?tenant=1").port == 8443
    assert check_url("http://127.0.0.1:9/", private_allowed=True).hostname == "127.0.0.1"
