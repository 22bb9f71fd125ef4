"""Short messages over an HTTP gateway, named in the settings.

The gateway gets `POST` with `{"id", "to", "from", "text"}`, the bearer token of the settings, and the message's id as
`Idempotency-Key`: a gateway that honours it sends a message once even when it is asked twice. A status of 2xx is taken
as sent; 429 and 503 are tried again; other refusals are final; no answer leaves the outcome unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.core.errors import DomainError
from app.dunning.messages.delivery import Outgoing
from app.infra.mail.smtp import Sent
from app.infra.outbound import OutboundHttp, check_url
from app.settings import Settings

TEXT_LENGTH_MAX = 612
"""Four parts of a long message in the plain alphabet."""
GATEWAY_SECONDS = 8.0
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_NOT_DIGIT = re.compile(r"[\s().\-/]")
_NOT_CONNECTED = ("ClientConnector", "ConnectionTimeoutError")
"""Kinds of errors (no such name, refused, TLS) after which the gateway has certainly not got the request."""


def phone_number(written: str) -> str | None:
    """A number in the international form (E.164), or None: without a country nobody knows where to send it."""
    squeezed = _NOT_DIGIT.sub("", written)
    if squeezed.startswith("00"):
        squeezed = "+" + squeezed[2:]
    return squeezed if _NUMBER.fullmatch(squeezed) else None


@dataclass(slots=True)
class SmsTransport:
    """Hands short messages over to the gateway."""

    http: OutboundHttp
    url: str
    token: str | None
    sender: str | None

    async def prepare(self, messages: Sequence[Outgoing]) -> None:
        """Number and text; what the gateway could not send has failed."""
        for one in messages:
            number = phone_number(one.recipient)
            text = " ".join(one.row["text"].split())
            if number is None:
                one.refusal = Sent("failed", "the telephone number is not international (+49 …)")
            elif len(text) > TEXT_LENGTH_MAX:
                one.refusal = Sent("failed", f"longer than {TEXT_LENGTH_MAX} characters")
            facts = {"id": str(one.id), "to": number, "from": self.sender, "text": text}
            one.wire = json.dumps(facts).encode()

    async def send(self, message: Outgoing, may_go: Callable[[], bool]) -> Sent:
        """Ask the gateway to send it."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(message.id)}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if not may_go():
            return Sent("retry", "it took too long until the message could go")
        answer = await self.http.post(self.url, headers, message.wire, seconds=GATEWAY_SECONDS)
        if answer.succeeded:
            return Sent("sent", f"{answer.status}")
        if answer.status is None:
            detail = answer.error or "no answer"
            certain = any(sign in detail for sign in _NOT_CONNECTED)
            return Sent("retry", f"no connection: {detail}") if certain else Sent("unknown", detail)
        if answer.status in (408, 425, 429, 503):
            return Sent("retry", f"{answer.status}")
        if answer.status >= 500:
            return Sent("unknown", f"{answer.status}")
        return Sent("failed", f"{answer.status} {answer.excerpt[:200]}")


def sms_transport(settings: Settings) -> SmsTransport | None:
    """The gateway of the settings, or None where none is configured or its address may not be called."""
    if settings.sms_gateway_url is None or settings.smtp_held:
        return None
    try:
        check_url(settings.sms_gateway_url, private_allowed=settings.outbound_private_allowed)
    except DomainError:
        return None
    token = settings.sms_gateway_token.get_secret_value() if settings.sms_gateway_token else None
    http = OutboundHttp(private_allowed=settings.outbound_private_allowed)
    return SmsTransport(http, settings.sms_gateway_url, token, settings.sms_sender)
