"""From a row of the outbox to the bytes of a message. Nothing that a person typed can become a header of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from app.core.errors import RuleViolation
from app.infra.mail.assembly import assemble, is_plain_name

SUBJECT_LENGTH_MAX = 500
TEXT_LENGTH_MAX = 200_000
ATTACHMENTS_MAX = 20
MESSAGE_BYTES_MAX = 25_000_000
"""What common servers take; attachments grow by a third on the way."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{3,250}>", re.ASCII)
CALENDAR, CALENDAR_HEAD_BYTES = "text/calendar", 2_000
_CALENDAR_METHOD = re.compile(rb"^METHOD:(REQUEST|CANCEL|PUBLISH|REPLY)\r?$", re.MULTILINE)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,90}", re.ASCII)
# What needs no library to be judged: short labels of letters and digits, no dots in a row, no punycode.
_PLAIN_ADDRESS = re.compile(
    r"(?=[^@]{1,64}@)(?=.{3,200}$)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+){0,6}@(?!.*--)(?:[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?\.){1,4}[a-z]{2,24}",
    re.ASCII,
)
_ENCODED_WORD = "=?"
_LITERAL = frozenset(
    {"from", "to", "cc", "reply-to", "subject", "message-id", "in-reply-to", "references", "list-unsubscribe"}
)
_URL = re.compile(r"(?:https?://|mailto:)[\x21\x23-\x3b\x3d\x3f-\x7e]{3,900}", re.ASCII)


class _Wire(EmailPolicy):
    """The library's policy, but headers made of what others wrote go out as they were made here.

    The library decodes encoded words in a value that it is given, so that a customer's message id or a subject such as
    `=?utf-8?q?a=0d=0aBcc:...?=` would become a header of its own; and it encodes ids that are longer than a line.
    """

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        if name.lower() in _LITERAL:
            return name, str(value)
        return super().header_store_parse(name, value)

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in _LITERAL:
            return f"{name}: {value}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _LITERAL:
            return self.fold(name, value).encode("ascii")
        return bytes(super().fold_binary(name, value))


# 7bit: bodies are encoded, so that no server on the way has to take eight bits or lines of any length.
_POLICY = _Wire(linesep="\r\n", cte_type="7bit")


class RecipientInvalid(RuleViolation):
    """The address is not one to which mail can be sent."""

    code = "mail.recipient_invalid"


class HeaderInvalid(RuleViolation):
    """A line break or another control character in what would become a header: refused, never cleaned up."""

    code = "mail.header_invalid"


class MailTooLarge(RuleViolation):
    """The text, or the number or size of attachments, is past its bound."""

    code = "mail.too_large"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the message; `media_type` such as `application/pdf`."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the message is from."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message is built from. `references` are message ids of the thread, the direct one last.

    `unsubscribe_urls` are of one click (RFC 8058) where they are https, or mailto. `automatic`: no person wrote it.
    """

    message_id: str
    recipient: str
    subject: str
    text: str
    created_at: datetime
    html: str | None = None
    reply_to: str | None = None
    in_reply_to: str | None = None
    cc: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    unsubscribe_urls: tuple[str, ...] = ()
    automatic: bool = False


def check_address(address: str, *, pointer: str = "/recipient") -> str:
    """The address in the form that servers understand (international domains in ASCII). Raises RecipientInvalid.

    No name beside it, no second address; the part before the @ must be ASCII, because many servers take nothing else.
    """
    if _CONTROL.search(address):
        raise HeaderInvalid("an address holds no line breaks or control characters", pointer=pointer)
    if _PLAIN_ADDRESS.fullmatch(address):
        return address
    try:
        found = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise RecipientInvalid("this is not an e-mail address", pointer=pointer) from None
    if found.ascii_email is None:
        raise RecipientInvalid("the part before the @ must be plain ASCII", pointer=pointer)
    return found.ascii_email


def check_header(value: str, *, pointer: str = "/subject", limit: int = SUBJECT_LENGTH_MAX) -> str:
    """The text of a header: one line. Raises HeaderInvalid."""
    if _CONTROL.search(value) or not value.strip() or len(value) > limit:
        raise HeaderInvalid(f"one line of at most {limit} characters is needed", pointer=pointer)
    return value.strip()


def check_body(value: str, *, pointer: str) -> str:
    """A body. Raises MailTooLarge, HeaderInvalid (for NUL bytes and lone surrogates)."""
    if len(value) > TEXT_LENGTH_MAX:
        raise MailTooLarge(f"longer than {TEXT_LENGTH_MAX} characters", pointer=pointer)
    if _NOT_TEXT.search(value):
        raise HeaderInvalid("the text holds NUL bytes or lone surrogates", pointer=pointer)
    return value


def check_message_id(value: str, *, pointer: str = "/in_reply_to") -> str:
    """A message id in angle brackets, as it stands in `In-Reply-To`. Raises HeaderInvalid."""
    if not _MESSAGE_ID.fullmatch(value):
        raise HeaderInvalid("this is not a message id", pointer=pointer)
    return value


def message_id_of(email_id: UUID, sender_address: str) -> str:
    """The message id of a row: always the same for the same row, so that a copy can be recognised."""
    return f"<{email_id}@{sender_address.rpartition('@')[2]}>"


def build_message(draft: Draft, sender: Sender, attachments: Sequence[Attachment] = ()) -> bytes:
    """The message as it goes over the wire (RFC 5322, CRLF, ASCII only). Raises HeaderInvalid, MailTooLarge."""
    head = _head(draft, sender)
    named = [(check_header(one.name, pointer="/attachments").replace(_ENCODED_WORD, "=_"), one) for one in attachments]
    if all(is_plain_name(name) for name, _ in named):
        files = [(name, _content_type(one), one.content) for name, one in named]
        wire = assemble(head, draft.text, draft.html, files)
    else:
        wire = _with_library(head, draft, named)
    if len(wire) > MESSAGE_BYTES_MAX:
        raise MailTooLarge(f"the message has {len(wire)} bytes; at most {MESSAGE_BYTES_MAX} can be sent")
    return wire


def _head(draft: Draft, sender: Sender) -> list[tuple[str, str]]:
    """The headers, checked and folded."""
    found = [
        ("From", _from(sender)),
        ("To", check_address(draft.recipient)),
        ("Subject", _subject(check_header(draft.subject))),
        ("Date", format_datetime(draft.created_at)),
        ("Message-ID", draft.message_id),
    ]
    if draft.reply_to is not None:
        found.append(("Reply-To", check_address(draft.reply_to, pointer="/reply_to")))
    if draft.in_reply_to is not None:
        found.append(("In-Reply-To", check_message_id(draft.in_reply_to)))
    thread = draft.references or ((draft.in_reply_to,) if draft.in_reply_to is not None else ())
    if thread:
        found.append(("References", "\r\n ".join(check_message_id(one, pointer="/references") for one in thread)))
    if draft.cc:
        found.append(("Cc", ",\r\n ".join(check_address(one, pointer="/cc") for one in draft.cc)))
    return found + _list_headers(draft)


def _with_library(
    head: Sequence[tuple[str, str]], draft: Draft, attachments: Sequence[tuple[str, Attachment]]
) -> bytes:
    """For names of files that need a grammar."""
    message = EmailMessage(policy=_POLICY)
    for name, value in head:
        message[name] = value
    message.set_content(draft.text)
    if draft.html is not None:
        message.add_alternative(draft.html, subtype="html")
    for name, attachment in attachments:
        main, sub, params = _media_type(attachment)
        message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=name, params=params)
    return message.as_bytes()


def _media_type(attachment: Attachment) -> tuple[str, str, dict[str, str]]:
    """As bytes whatever it is: a text, too, must arrive as it was stored, and a message must not be unpacked.

    But an invitation is told as one, with its method (RFC 6047): a program then offers to accept it.
    """
    method = _CALENDAR_METHOD.search(attachment.content[:CALENDAR_HEAD_BYTES])
    if attachment.media_type == CALENDAR and method is not None:
        return "text", "calendar", {"charset": "utf-8", "method": method[1].decode("ascii")}
    plain = _MEDIA_TYPE.fullmatch(attachment.media_type)
    main, _, sub = (attachment.media_type if plain else "").partition("/")
    if sub and main not in ("message", "multipart", "text"):
        return main, sub, {}
    return "application", "octet-stream", {}


def _content_type(attachment: Attachment) -> str:
    main, sub, params = _media_type(attachment)
    return f"{main}/{sub}" + "".join(f'; {name}="{value}"' for name, value in params.items())


@lru_cache(maxsize=50)
def _from(sender: Sender) -> str:
    """The sender with the name as the library folds it."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = Address(display_name=sender.name or "", addr_spec=sender.address)
    return message.as_bytes().decode("ascii").partition(":")[2].strip()


def _list_headers(draft: Draft) -> list[tuple[str, str]]:
    """`List-Unsubscribe` (RFC 2369), of one click where it is a page (RFC 8058); `Auto-Submitted` (RFC 3834)."""
    found: list[tuple[str, str]] = []
    for url in draft.unsubscribe_urls:
        if not _URL.fullmatch(url):
            raise HeaderInvalid("this is not an address for unsubscribing", pointer="/unsubscribe_urls")
    if draft.unsubscribe_urls:
        found.append(("List-Unsubscribe", ",\r\n ".join(f"<{url}>" for url in draft.unsubscribe_urls)))
        if any(url.startswith("https://") for url in draft.unsubscribe_urls):
            found.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    if draft.automatic:
        found.append(("Auto-Submitted", "auto-generated"))
    return found


def _subject(value: str) -> str:
    """The subject in encoded words (RFC 2047) where it is not plain ASCII, or would be taken for one."""
    if value.isascii() and _ENCODED_WORD not in value:
        return value
    return Header(value, "utf-8", maxlinelen=76, header_name="Subject").encode(linesep="\r\n")
