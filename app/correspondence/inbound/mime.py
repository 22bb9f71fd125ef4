"""Read a raw e-mail (RFC 5322) of a stranger within bounds. Pure.

Nothing is rendered or executed: the text is the plain part, or what is left of the HTML without its tags. Headers are
decoded piece by piece, never parsed as addresses by a grammar; parts are counted, their depth is bounded, and every
attachment is handed over as bytes with the name that it claims.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import parsedate_to_datetime
from typing import Literal

from app.correspondence.errors import InboundRefused
from app.correspondence.rules import BODY_LENGTH_MAX, message_ids

MESSAGE_BYTES_MAX = 25_000_000
HEADER_BYTES_MAX = 256 * 1024
PARTS_MAX = 200
DEPTH_MAX = 15
BOUNDARIES_MAX = 400
LINES_MAX = 8_000_000
"""Lines, times the multiparts whose boundaries are looked for in each: about two seconds of reading."""
ATTACHMENTS_MAX = 50
HTML_BYTES_MAX = 1_000_000
HEADER_LENGTH_MAX = 2_000
NAME_LENGTH_MAX = 200
_CHARSET = re.compile(
    r"(?:utf-?8|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?[1-9]|windows-?125\d|cp125\d|koi8-[ru]|gb2312|gbk|gb18030"
    r"|big5|shift[_-]jis|euc-(?:jp|kr)|iso-2022-jp|utf-?16(?:le|be)?|macintosh)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}", re.ASCII
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_STATUS = re.compile(r"^Status:\s*([245])\.\d{1,3}\.\d{1,3}", re.IGNORECASE | re.MULTILINE)
_ACTION = re.compile(r"^Action:\s*(\w{1,20})", re.IGNORECASE | re.MULTILINE)
_DIAGNOSTIC = re.compile(r"^Diagnostic-Code:\s*([^\r\n]{1,300})", re.IGNORECASE | re.MULTILINE)
_PARTSTAT = re.compile(r"PARTSTAT=(ACCEPTED|TENTATIVE|DECLINED)", re.IGNORECASE)
_UID = re.compile(r"^UID:([\x21-\x7e]{1,200})\r?$", re.MULTILINE)
_NESTED = re.compile(rb"(?:\A|[\r\n])content-type:[\s\x1c-\x1f]*(?:multipart|message)/", re.IGNORECASE)
_METHOD = re.compile(r"^METHOD:REPLY\r?$", re.MULTILINE | re.IGNORECASE)
_BLOCK = frozenset({"p", "div", "br", "tr", "li", "table", "h1", "h2", "h3", "h4", "blockquote", "hr", "ul", "ol"})
_SILENT = frozenset({"script", "style", "head", "title", "template", "noscript", "svg", "math"})
Kind = Literal["message", "auto_reply", "bounce"]


@dataclass(frozen=True, slots=True)
class InboundFile:
    """An attachment as it came."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class MeetingReply:
    """What an invited person answered in iCalendar."""

    uid: str
    state: Literal["accepted", "tentative", "declined"]


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What was read of an e-mail. `references` are message ids without brackets, the direct one last.

    `complaint`: a mailbox provider reports that its reader called an e-mail unwanted (RFC 5965).
    """

    sha256: str
    sender: str | None
    sender_name: str | None
    subject: str
    text: str
    kind: Kind
    message_id: str | None
    references: tuple[str, ...]
    sent_at: datetime | None
    files: tuple[InboundFile, ...]
    files_left_out: int
    bounce_detail: str | None
    meeting: MeetingReply | None
    complaint: bool = False


def read_message(raw: bytes, now: datetime) -> InboundMessage:
    """Read a raw message. A date far from `now` is not believed.

    Raises InboundRefused: empty, too large, headers too long, too many parts, nested too deeply.
    """
    _check_form(raw)
    try:
        return _read(raw, now)
    except InboundRefused:
        raise
    except (RecursionError, ValueError, LookupError, ArithmeticError, AttributeError, TypeError, AssertionError):
        raise InboundRefused("the message cannot be read") from None


def _read(raw: bytes, now: datetime) -> InboundMessage:
    message = message_from_bytes(raw, policy=compat32)
    parts = list(_parts(message))
    sender, name = _sender(message)
    return InboundMessage(
        sha256=hashlib.sha256(raw).hexdigest(),
        sender=sender,
        sender_name=name,
        subject=_header(message, "Subject") or "(no subject)",
        text=_text(parts),
        kind=_kind(message, sender, parts),
        message_id=next(iter(message_ids(_raw(message, "Message-ID"))), None),
        references=_references(message, parts),
        sent_at=_date(message, now),
        files=tuple(_files(parts))[:ATTACHMENTS_MAX],
        files_left_out=max(0, sum(1 for _ in _files(parts)) - ATTACHMENTS_MAX),
        bounce_detail=_bounce_detail(parts),
        meeting=_meeting(parts),
        complaint=any(part.get_content_type() == "message/feedback-report" for part, _ in parts),
    )


def _check_form(raw: bytes) -> None:
    """Bounds that hold before anything is parsed."""
    if not raw.strip():
        raise InboundRefused("the message is empty")
    if len(raw) > MESSAGE_BYTES_MAX:
        raise InboundRefused(f"the message is larger than {MESSAGE_BYTES_MAX} bytes")
    head = raw[: HEADER_BYTES_MAX + 4]
    if b"\n\n" not in head and b"\r\n\r\n" not in head and len(raw) > HEADER_BYTES_MAX:
        raise InboundRefused(f"the headers are longer than {HEADER_BYTES_MAX} bytes")
    if b":" not in head.split(b"\n", 1)[0]:
        raise InboundRefused("this does not begin with a header")
    # The library reads multiparts by recursion and looks for every boundary in every line.
    nested = len(_NESTED.findall(raw))
    lines = raw.count(b"\n") + raw.count(b"\r")
    if nested > BOUNDARIES_MAX or lines * (nested + 1) > LINES_MAX:
        raise InboundRefused("the message has too many parts or lines")


def _parts(message: Message) -> Iterator[tuple[Message, int]]:
    """Every part with its depth, in order, without recursion."""
    stack, count = [(message, 0)], 0
    while stack:
        part, depth = stack.pop()
        count += 1
        if count > PARTS_MAX or depth > DEPTH_MAX:
            raise InboundRefused("the message has too many parts, or they are nested too deeply")
        yield part, depth
        payload = part.get_payload()
        if isinstance(payload, list):
            stack.extend((child, depth + 1) for child in reversed(payload) if isinstance(child, Message))


def _raw(message: Message, name: str) -> str | None:
    value = message.get(name)
    return None if value is None else str(value)[: 20 * HEADER_LENGTH_MAX]


def _header(message: Message, name: str) -> str | None:
    """A header in one line, with encoded words decoded; None without it."""
    value = _raw(message, name)
    if value is None:
        return None
    value = value[:HEADER_LENGTH_MAX]
    try:
        pieces = [
            piece if isinstance(piece, str) else _decode(piece, charset) for piece, charset in decode_header(value)
        ]
    except (ValueError, LookupError, AssertionError):
        pieces = [value]
    return " ".join(_CONTROL.sub(" ", "".join(pieces)).split()) or None


def _decode(content: bytes, charset: str | None) -> str:
    """Text of bytes; a character set that is not a plain one of the trade is not looked up."""
    if charset is not None and _CHARSET.fullmatch(charset):
        try:
            return content.decode(charset, "replace")
        except LookupError:
            pass
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _sender(message: Message) -> tuple[str | None, str | None]:
    shown = _header(message, "From") or ""
    at = shown.rfind("<")
    hit = _ADDRESS.search(shown, at + 1 if at >= 0 else 0) or _ADDRESS.search(shown)
    if hit is None:
        return None, shown[:NAME_LENGTH_MAX] or None
    name = shown[: hit.start()].strip(" <\"'") if at >= 0 else ""
    return hit.group(), name[:NAME_LENGTH_MAX] or None


def _date(message: Message, now: datetime) -> datetime | None:
    try:
        found = parsedate_to_datetime((_raw(message, "Date") or "")[:100])
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if now - timedelta(days=30) <= found <= now + timedelta(minutes=10) else None


def _references(message: Message, parts: list[tuple[Message, int]]) -> tuple[str, ...]:
    """Message ids that this one answers; a bounce names them in the message that it returns."""
    headers = [_raw(message, "References"), _raw(message, "In-Reply-To")]
    for part, depth in parts:
        if depth == 0:
            continue
        if part.get_content_type() == "text/rfc822-headers":
            found = re.findall(r"(?im)^message-id:\s*(<[^>\s]{3,250}>)", _body(part)[:HEADER_BYTES_MAX])
            headers.extend(found[:5])
        elif part.get("Message-ID") is not None:
            headers.append(_raw(part, "Message-ID"))
    return tuple(message_ids(*headers))


def _kind(message: Message, sender: str | None, parts: list[tuple[Message, int]]) -> Kind:
    if any(part.get_content_type() == "message/delivery-status" for part, _ in parts):
        return "bounce"
    local = (sender or "").partition("@")[0].lower()
    if local in ("mailer-daemon", "postmaster") and "report" in message.get_content_type():
        return "bounce"
    said = (_raw(message, "Auto-Submitted") or "no").strip().lower()
    precedence = (_raw(message, "Precedence") or "").strip().lower()
    quiet = message.get("X-Autoreply") is not None or message.get("X-Autorespond") is not None
    return "auto_reply" if not said.startswith("no") or precedence == "auto_reply" or quiet else "message"


def _bounce_detail(parts: list[tuple[Message, int]]) -> str | None:
    """Why it was returned for good; None where it was not (a delay is no return)."""
    for part, _ in parts:
        if part.get_content_type() != "message/delivery-status":
            continue
        text = "\n".join(str(child) for child in part.get_payload() if isinstance(child, Message))[:20_000]
        action, status = _ACTION.search(text), _STATUS.search(text)
        if (action and action[1].lower() == "failed") or (action is None and status and status[1] == "5"):
            found = _DIAGNOSTIC.search(text)
            return " ".join(_CONTROL.sub(" ", found[1] if found else "returned").split())[:300]
    return None


def _body(part: Message) -> str:
    content = part.get_payload(decode=True)
    return _decode(content, part.get_content_charset()) if isinstance(content, bytes) else ""


def _is_file(part: Message) -> bool:
    disposition = (_raw(part, "Content-Disposition") or "").strip().lower()
    if disposition.startswith("attachment"):
        return True
    kind = part.get_content_type()
    return not part.is_multipart() and not kind.startswith(("text/", "multipart/", "message/"))


def _text(parts: list[tuple[Message, int]]) -> str:
    """The plain text of the message itself; without any, what the HTML says."""
    own = [part for part, _ in parts if not part.is_multipart() and not _is_file(part)]
    plain = [_body(part) for part in own if part.get_content_type() == "text/plain"]
    if not any(text.strip() for text in plain):
        plain = [text_of_html(_body(part)[:HTML_BYTES_MAX]) for part in own if part.get_content_type() == "text/html"]
    text = "\n\n".join(text.strip() for text in plain if text.strip())
    cleaned = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return cleaned[:BODY_LENGTH_MAX]


def text_of_html(source: str) -> str:
    """The text of an HTML page without its tags, scripts and styles. Linear in its length, whatever it holds."""
    out: list[str] = []
    position, length, lowered = 0, len(source), source.lower()
    while position < length:
        start = source.find("<", position)
        if start < 0:
            out.append(source[position:])
            break
        out.append(source[position:start])
        if source.startswith("<!--", start):
            end = source.find("-->", start + 4)
            position = length if end < 0 else end + 3
            continue
        end = source.find(">", start)
        if end < 0:
            break
        name = re.match(r"/?([a-z0-9]{1,20})", lowered[start + 1 : start + 24])
        tag = name[1] if name else ""
        position = end + 1
        if tag in _SILENT and not lowered.startswith("</", start):
            close = lowered.find(f"</{tag}", position)
            position = length if close < 0 else close
        elif tag in _BLOCK:
            out.append("\n")
        elif tag in ("td", "th"):
            out.append(" ")
    text = html.unescape("".join(out))
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _files(parts: list[tuple[Message, int]]) -> Iterator[InboundFile]:
    for part, depth in parts:
        if depth == 0 and not _is_file(part):
            continue
        if part.is_multipart() or not _is_file(part):
            continue
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes) or not content:
            continue
        name = part.get_filename()
        shown = _CONTROL.sub("", _decoded_name(name)) if name else "attachment"
        yield InboundFile(shown[-NAME_LENGTH_MAX:] or "attachment", part.get_content_type()[:100], content)


def _decoded_name(name: str) -> str:
    try:
        return "".join(
            piece if isinstance(piece, str) else _decode(piece, charset)
            for piece, charset in decode_header(name[:HEADER_LENGTH_MAX])
        )
    except (ValueError, LookupError, AssertionError):
        return name


def _meeting(parts: list[tuple[Message, int]]) -> MeetingReply | None:
    for part, _ in parts:
        if part.get_content_type() != "text/calendar":
            continue
        text = _body(part)[:50_000].replace("\r\n ", "").replace("\n ", "")
        uid, answer = _UID.search(text), _PARTSTAT.search(text)
        if _METHOD.search(text) and uid and answer:
            said: dict[str, Literal["accepted", "tentative", "declined"]] = {
                "ACCEPTED": "accepted", "TENTATIVE": "tentative", "DECLINED": "declined",
            }  # fmt: skip
            return MeetingReply(uid[1], said[answer[1].upper()])
    return None
