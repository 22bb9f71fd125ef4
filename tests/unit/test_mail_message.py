"""E-mails that go out: nothing that a person or customer wrote becomes a header."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest

from app.infra.mail.message import Attachment, Draft, Sender, build_message

HOSTILE = "=?utf-8?q?a=0d=0aBcc:_evil=40x.example?="
NAMES = {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}


def _wire(subject: str = "Your invoices", in_reply_to: str | None = None, file: Attachment | None = None) -> bytes:
    draft = Draft(
        message_id="<018f3c1a-0000-7000-8000-000000000001@acme.example>",
        recipient="ada@brandt.example",
        subject=subject,
        text="Good day",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        in_reply_to=in_reply_to,
    )
    return build_message(draft, Sender("ar@acme.example", "Acme"), () if file is None else (file,))


@pytest.mark.parametrize(
    "subject",
    [HOSTILE, "hello =?utf-8?b?DQpCY2M6IGV2aWxAeC5leGFtcGxl?= x", "Mahnung für Übersee " * 20, "x" * 450, "x y " * 100],
)
def test_a_subject_stays_the_subject(subject: str) -> None:
    read = message_from_bytes(_wire(subject))
    assert set(read.keys()) == NAMES
    assert str(make_header(decode_header(read["Subject"]))).replace("\r\n", "") == subject.strip()


def test_the_message_id_of_a_customer_stays_in_its_headers() -> None:
    for inner in ("=?utf-8?q?a=0d=0aBcc:evil=40x?=@y.example", "a" * 120 + "@prod.exchange.example"):
        read = message_from_bytes(_wire(in_reply_to=f"<{inner}>"))
        assert set(read.keys()) == NAMES | {"In-Reply-To", "References"}
        assert read["In-Reply-To"] == read["References"] == f"<{inner}>", "an id that is encoded finds no thread"


def test_name_and_type_of_a_file_make_no_headers() -> None:
    file = Attachment(f"{HOSTILE}.pdf", "application/pdf\r\nBcc: evil@x.example", b"%PDF-")
    wire = _wire(file=file)
    assert b"\nBcc" not in wire
    _, _, part = message_from_bytes(wire).walk()
    assert set(part.keys()) == {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version"}
    assert part.get_content_type() == "application/octet-stream"
    assert part.get_payload(decode=True) == b"%PDF-"


@pytest.mark.parametrize("name", ["invite.ics", "Übersee.ics"])
def test_an_invitation_says_that_it_is_one(name: str) -> None:
    content = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:CANCEL\r\nEND:VCALENDAR\r\n"
    read = message_from_bytes(_wire(file=Attachment(name, "text/calendar", content)))
    part = list(read.walk())[-1]
    assert (part.get_content_type(), part.get_param("method"), part.get_param("charset")) == (
        "text/calendar", "CANCEL", "utf-8",
    )  # fmt: skip
    assert part.get_payload(decode=True) == content
    broken = message_from_bytes(_wire(file=Attachment(name, "text/calendar", b"METHOD:EVIL\r\n\r\n<script>")))
    assert list(broken.walk())[-1].get_content_type() == "application/octet-stream"
