"""E-mails of strangers: read within bounds, never trusted."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.correspondence.errors import InboundRefused
from app.correspondence.inbound.mime import read_message, text_of_html

NOW = datetime(2026, 4, 8, 10, tzinfo=UTC)


def _message(**headers: str) -> EmailMessage:
    message = EmailMessage()
    given = {"From": "Ada Müller <ada@example.com>", "Subject": "Re: Übersicht", "Message-ID": "<m1@example.com>"}
    for name, value in {**given, **headers}.items():
        message[name.replace("_", "-")] = value
    return message


def test_a_plain_reply() -> None:
    own = "018f3c1a-0000-7000-8000-000000000001@acme.example"
    message = _message(
        In_Reply_To=f"<{own}>", References="<a@b.example> <c@d.example>", Date="Wed, 08 Apr 2026 09:30:00 +0000"
    )
    message.set_content("We have not received invoice RE-1.\n")
    found = read_message(message.as_bytes(), NOW)
    assert (found.sender, found.sender_name, found.subject) == ("ada@example.com", "Ada Müller", "Re: Übersicht")
    assert found.text == "We have not received invoice RE-1."
    assert found.references == ("a@b.example", "c@d.example", own)
    assert (found.kind, found.message_id, found.sent_at) == ("message", "m1@example.com", NOW - timedelta(minutes=30))


def test_html_alone_becomes_text_and_nothing_of_it_runs() -> None:
    message = _message()
    message.set_content(
        "<html><head><title>x</title><style>p{}</style></head><body><p>Hello &amp; good&nbsp;day<br>Ada</p>"
        "<script>alert(1)</script><!-- hidden --><table><tr><td>RE-1</td><td>10</td></tr></table>"
        "<img src=x onerror=alert(2)></body></html>", subtype="html",
    )  # fmt: skip
    assert read_message(message.as_bytes(), NOW).text == "Hello & good day\nAda\n\nRE-1 10"


def test_files_are_handed_over_as_bytes_with_the_name_they_claim() -> None:
    message = _message()
    message.set_content("see the files")
    message.add_attachment(b"%PDF-1.7 x", maintype="application", subtype="pdf", filename="../../Rechnung Ü.pdf")
    message.add_attachment("a;b\n", filename="list.csv")
    message.add_attachment(b"MZ\x90", maintype="application", subtype="octet-stream", filename="run.exe")
    found = read_message(message.as_bytes(), NOW)
    assert [(one.name, one.content[:5]) for one in found.files] == [
        ("../../Rechnung Ü.pdf", b"%PDF-"), ("list.csv", b"a;b\n"), ("run.exe", b"MZ\x90"),
    ]  # fmt: skip
    assert found.text == "see the files"


def test_a_bounce_names_the_message_that_it_returns() -> None:
    raw = (
        b"From: MAILER-DAEMON@mx.example\nSubject: Undelivered\nAuto-Submitted: auto-replied\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nsorry\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        b"Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.1\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 no such user\n\n"
        b"--b\nContent-Type: message/rfc822\n\nMessage-ID: <018f3c1a-0000-7000-8000-000000000001@acme.example>\n"
        b"Subject: Invoice\n\nhello\n--b--\n"
    )
    found = read_message(raw, NOW)
    assert found.kind == "bounce"
    assert found.bounce_detail == "smtp; 550 5.1.1 no such user"
    assert found.references[-1].startswith("018f3c1a-")
    assert read_message(raw.replace(b"Action: failed", b"Action: delayed"), NOW).bounce_detail is None


@pytest.mark.parametrize("header", [("Auto-Submitted", "auto-replied"), ("X-Autoreply", "yes")])
def test_machines_that_answer_are_told_from_people(header: tuple[str, str]) -> None:
    message = _message(**{header[0].replace("-", "_"): header[1]})
    message.set_content("I am away")
    assert read_message(message.as_bytes(), NOW).kind == "auto_reply"


def test_the_answer_to_an_invitation() -> None:
    message = _message()
    message.set_content("accepted")
    calendar = (
        "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:m-1@duecourse\r\n"
        "ATTENDEE;PARTSTAT=ACCEPTED;CN=Ada:mailto:ada@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    message.add_alternative(calendar, subtype="calendar")
    found = read_message(message.as_bytes(), NOW).meeting
    assert found is not None
    assert (found.uid, found.state) == ("m-1@duecourse", "accepted")


def _nested(depth: int) -> bytes:
    inner: MIMEMultipart | MIMEText = MIMEText("deep")
    for _ in range(depth):
        outer = MIMEMultipart()
        outer.attach(inner)
        inner = outer
    inner["From"] = "a@b.example"
    return inner.as_bytes()


def _wide(count: int) -> bytes:
    message = MIMEMultipart()
    message["From"] = "a@b.example"
    for number in range(count):
        message.attach(MIMEText(str(number)))
    return message.as_bytes()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" \r\n ", b"no header at all", b"A: " + b"x" * 300_000, b"A: b\n" * 60_000 + b"\n", _nested(20),
        _wide(300),
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 900,
    ],
    ids=["empty", "blank", "prose", "long header", "many headers", "deep", "wide", "same boundary"],
)  # fmt: skip
def test_what_is_past_the_bounds_is_refused(raw: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(InboundRefused):
        read_message(raw, NOW)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    "raw",
    [
        b"From: =?utf-8?b?!!!?= <a@b.example>\nSubject: =?nonsense?q?x?=\n\nhello",
        b"From: \xff\xfe\nSubject: \xff\n\n\xff\xfe\x00",
        b"From: a@b.example\nContent-Type: text/plain; charset=rot13\n\nhello",
        b"From: a@b.example\nContent-Type: text/plain; charset=\"\"\nContent-Transfer-Encoding: base64\n\n!!!!",
        b"From: a@b.example\nContent-Type: multipart/mixed\n\n--x\n\nhello",
        b"From: " + b"<" * 5000 + b"\n\nhello",
        b"From: " + b"a@" * 5000 + b"\n\nhello",
        b"From: a@b.example\nDate: " + b"9" * 5000 + b"\n\nhello",
        b"From: a@b.example\nReferences: " + b"<a@b.example> " * 15_000 + b"\n\nhello",
        b"From: a@b.example\nContent-Type: text/html\n\n" + b"<" * 500_000,
        b"From: a@b.example\nContent-Type: text/html\n\n" + b"<script>" * 60_000,
        b"From: a@b.example\nContent-Type: text/html\n\n" + b"<!--" * 100_000,
        b"From: a@b.example\nContent-Type: text/html\n\n" + b"&#x;" * 100_000 + b"&" * 100_000,
        b"From: a@b.example\nContent-Disposition: attachment; filename*=utf-8''" + b"%ff" * 5000 + b"\n\nx",
        b"From: a@b.example\nSubject: " + b"=?utf-8?q?" * 3000 + b"\n\nhello",
    ],
)  # fmt: skip
def test_odd_messages_are_read_in_little_time(raw: bytes) -> None:
    started = time.perf_counter()
    found = read_message(raw, NOW)
    assert time.perf_counter() - started < 3
    assert len(found.text) <= 50_000
    assert "\x00" not in found.text + found.subject
    (found.text + found.subject + (found.sender or "")).encode()


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for raw in (noise, b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n" + noise):
        try:
            found = read_message(raw, NOW)
        except InboundRefused:
            continue
        (found.text + found.subject).encode()


@given(st.text(alphabet="<>!-/ascript &#;x\n", max_size=300))
def test_any_html_becomes_text(source: str) -> None:
    assert "<script" not in text_of_html(source)


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -0100", "Mon, 01 Jan 0001 00:00:00 +2359"])
def test_a_date_beyond_the_calendar_is_not_believed(date: str) -> None:
    assert read_message(f"From: a@b.example\nDate: {date}\n\nhi".encode(), NOW).sent_at is None


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_many_lines_in_many_multiparts_are_not_read(end: str) -> None:
    parts = "".join(f"Content-Type:\x1cmultipart/mixed; boundary=b{n}{end}{end}--b{n}{end}" for n in range(190))
    started = time.monotonic()
    with pytest.raises(InboundRefused):
        read_message(f"From: a@b.example{end}{parts}".encode() + f"-{end}".encode() * 1_000_000, NOW)
    assert time.monotonic() - started < 5
