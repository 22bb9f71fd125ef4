"""States, retries, pace, mailbox files, signatures, short messages: the rules of messages without a database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.dunning.messages.compose import read_unsubscribe_token, unsubscribe_token
from app.dunning.messages.delivery import Outgoing
from app.dunning.messages.mailbox_file import split_mailbox
from app.dunning.messages.rules import (
    allowed_actions,
    language_order,
    message_of,
    pause_seconds,
    references_of,
    retry_at,
    state_after,
)
from app.dunning.messages.shipped.templates import CODES, WORDINGS, find_shipped, shipped_template
from app.dunning.messages.signatures import is_signed, secrets_of
from app.dunning.messages.sms import SmsTransport, phone_number
from app.infra.outbound import Response

NOW = datetime(2026, 3, 9, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        ("sent", "delivered", "delivered"), ("delivered", "bounced", "bounced"), ("unknown", "delivered", "delivered"),
        ("unknown", "bounced", "bounced"), ("approved", "bounced", None), ("suppressed", "delivered", None),
        ("bounced", "delivered", None), ("sent", "deferred", None), ("sent", "opened", "delivered"),
    ],
)  # fmt: skip
def test_what_an_event_makes_of_a_message(state: str, event: Any, after: str | None) -> None:
    assert state_after(state, event) == after


def test_only_what_may_be_done_is_offered() -> None:
    assert allowed_actions("approved", "letter") == ("post", "cancel")
    assert allowed_actions("approved", "email") == ("cancel",)
    assert allowed_actions("sending", "email") == ()


def test_tries_have_growing_pauses_and_an_end() -> None:
    pauses = [(retry_at(tries, NOW) or NOW) - NOW for tries in range(1, 13)]
    assert pauses[0] == timedelta(minutes=1)
    assert pauses[:4] == sorted(pauses[:4])
    assert max(pauses) == timedelta(hours=6)
    assert retry_at(12, NOW) is None


def test_the_pace_is_a_pause() -> None:
    assert pause_seconds(5, 60) == 5.0
    assert pause_seconds(5, None) == 0.0


def test_references_keep_the_first_and_the_latest() -> None:
    ids = [f"<{number}@x>" for number in range(30)]
    assert references_of(ids[:3]) == ids[:3]
    assert references_of(ids) == [ids[0], *ids[-9:]]


def test_languages_fall_back_to_their_main_one_and_to_english() -> None:
    assert language_order("de-CH", None, "fr") == ["de-CH", "de", "fr", "en"]
    assert find_shipped("first_reminder", "pt-BR").language == "en"  # type: ignore[union-attr]
    assert all(shipped_template(code, language) for code in CODES for language in WORDINGS)


def test_a_message_is_named_by_its_id_or_its_message_id() -> None:
    id_ = new_id()
    assert message_of(f"<{id_}@acme.example>") == message_of(str(id_).upper()) == id_
    assert message_of("<abc@acme.example>") is None


def test_a_mailbox_file_is_cut_at_its_from_lines() -> None:
    one, two = b"Subject: 1\n\n>From here on\nbody\n", b"Subject: 2\n\nbody"
    parts = split_mailbox(b"From a Mon\n" + one + b"\nFrom b Mon\n" + two)
    assert [part.split(b"\n")[0] for part in parts] == [b"Subject: 1", b"Subject: 2"]
    assert b"\nFrom here on" in parts[0]
    assert split_mailbox(two) == [two]
    assert split_mailbox(b" \n") == []


def test_an_unsubscribe_token_says_whose_it_is() -> None:
    organization, message = new_id(), new_id()
    token, secret = unsubscribe_token(UUID(str(organization)), UUID(str(message)))
    assert read_unsubscribe_token(token) == (organization, message, secret)
    assert read_unsubscribe_token(token[:-4]) is None
    assert read_unsubscribe_token("ü") is None


def test_a_signature_is_of_this_body_at_about_this_time() -> None:
    assert secrets_of("whsec_AAAA, plain") == [b"\0\0\0", b"plain"]
    assert not is_signed([b"s"], "id", "abc", "v1,xx", b"{}", NOW)
    assert not is_signed([], "id", str(int(NOW.timestamp())), "v1,", b"{}", NOW)


@pytest.mark.parametrize(
    ("written", "number"),
    [("+49 30 1234567", "+49301234567"), ("0049 (30) 123-4567", "+49301234567"), ("030 1234567", None), ("", None)],
)
def test_a_number_needs_its_country(written: str, number: str | None) -> None:
    assert phone_number(written) == number


class Gateway:
    """A gateway that answers as told."""

    def __init__(self, response: Response) -> None:
        self.response, self.asked = response, []

    async def post(self, url: str, headers: Any, content: bytes, *, seconds: float) -> Response:
        """Keep what was asked."""
        self.asked.append((url, dict(headers), content))
        return self.response


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (Response(202, "", 0.1), "sent"), (Response(429, "", 0.1), "retry"), (Response(400, "no", 0.1), "failed"),
        (Response(502, "", 0.1), "unknown"), (Response(None, "", 8.0, error="no answer in time"), "unknown"),
        (Response(None, "", 0.1, error="ClientConnectorError: refused"), "retry"),
    ],
)  # fmt: skip
def test_what_a_gateway_answers(response: Response, outcome: str) -> None:
    gateway = Gateway(response)
    transport = SmsTransport(gateway, "https://sms.example/send", "token", "Acme")  # type: ignore[arg-type]
    id_ = new_id()
    message = Outgoing({"id": id_, "text": "Pay\nnow"}, "+49 30 1234567")

    async def send() -> Any:
        await transport.prepare([message])
        return await transport.send(message, lambda: True)

    assert asyncio.run(send()).outcome == outcome
    ((_, headers, content),) = gateway.asked
    assert (headers["Idempotency-Key"], headers["Authorization"]) == (str(id_), "Bearer token")
    assert b'"text": "Pay now"' in content
