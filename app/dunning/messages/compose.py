"""From approved notices to messages, many at once: read (transaction), render (none), write (transaction).

What a message says is rendered once and kept: subject, text, HTML and what its PDF is set from. Whom it goes to and
when follows from the rules of contact; what they refuse is kept as a message that is suppressed, with the reason.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from app.accounts.addresses import address_lines
from app.core.ids import new_id
from app.correspondence.contact_rules import Channel
from app.correspondence.contacting import Attempt, check_contacts
from app.correspondence.preferences import find_preferences
from app.correspondence.values import locale_of
from app.dunning.messages import queries, writing
from app.dunning.messages.attachments import attach, link_copies
from app.dunning.messages.preferences import MessagePreferences, find_message_preferences
from app.dunning.messages.rules import Person, address_sha256, rank_of
from app.dunning.messages.shipped.templates import ITEMS_MARK, Template, wording_of
from app.dunning.messages.standing import mark_notices
from app.dunning.messages.templates import Templates, fallback, load_templates, sources_of
from app.dunning.messages.values import Sender, Sums, bank_instructions, notice_values, shown_date
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.rendering.letters import Letter
from app.infra.rendering.sandbox import TemplateInvalid, renderer
from app.organizations.queries import local_today, organization_facts
from app.settings import Settings

PLAN, DELIVER, LOST, PAPERS = "dunning.message", "dunning.deliver", "dunning.lost", "dunning.papers"
SUBJECT_KIND = "dunning_notice"
PURPOSE = "dunning"
BATCH_MAX = 200
SECRET_BYTES = 16
_LETTER_FIELDS = tuple(field.name for field in fields(Letter))


@dataclass(slots=True)
class Draft:
    """A message on its way from a notice."""

    id: UUID
    notice: Any
    items: Sequence[Any]
    channel: str
    language: str | None
    contact: Any | None
    recipient: str | None
    template: Template
    values: dict[str, Any]
    letter: dict[str, Any]
    unsubscribe_url: str
    unsubscribe_secret: bytes | None
    cc: tuple[str, ...]
    refusal: str | None
    today: date
    texts: dict[str, str] | None = None
    attachments: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all messages of a batch share."""

    organization_name: str
    today: date
    pay_by: date
    signature: str
    letterhead: tuple[str, ...]
    preferences: MessagePreferences
    templates: Templates
    contacts: Mapping[UUID, list[Any]]
    marks: set[tuple[UUID, str]]
    banks: Mapping[UUID, list[Any]]
    public_url: str | None


async def plan_messages(
    database: Database,
    settings: Settings,
    organization_id: UUID,
    notice_ids: Sequence[UUID] | None,
    now: datetime,
    *,
    limit: int = BATCH_MAX,
) -> int:
    """Make the messages of these notices (or of any that wait), at most `limit`; answers how many notices were ready.

    Repeatable: a notice has one message for each channel for ever. Raises RendererUnavailable and the store's refusals.
    """
    async with database.read(organization_id) as session:
        ready = await queries.ready_notices(session, notice_ids, limit)
        if not ready:
            return 0
        drafts = await _drafts(session, settings, ready, now)
    await _render(drafts)
    await attach(database, settings, organization_id, [draft for draft in drafts if draft.refusal is None])
    empty = set(ready) - {draft.notice["id"] for draft in drafts}
    async with database.write(organization_id, SYSTEM) as writing_session:
        await mark_notices(writing_session, sorted(empty), "suppressed", now, reason="settled")
        await _write(writing_session, drafts, now)
    return len(ready)


async def draft_of_notice(session: ReadSession, settings: Settings, notice_id: UUID, now: datetime) -> Draft | None:
    """What a notice would say now, not rendered yet; None for one that is unknown or has nothing in it."""
    drafts = await _drafts(session, settings, [notice_id], now)
    return drafts[0] if drafts else None


async def _drafts(session: ReadSession, settings: Settings, ids: Sequence[UUID], now: datetime) -> list[Draft]:
    notices = await queries.notices_of(session, ids)
    items = await queries.items_of(session, ids)
    accounts = {row["account_id"] for row in notices}
    organization = await organization_facts(session)
    correspondence, _ = await find_preferences(session)
    preferences, _ = await find_message_preferences(session)
    today = await local_today(session, now)
    frame = _Frame(
        organization_name=organization.name,
        today=today,
        pay_by=today + timedelta(days=await queries.response_days(session)),
        signature=correspondence.signature or "",
        letterhead=correspondence.letterhead,
        preferences=preferences,
        templates=await load_templates(session, {row["template_code"] or "" for row in notices}),
        contacts=await queries.contacts_of(session, accounts),
        marks=await queries.marks_of(session, accounts),
        banks=await queries.bank_accounts_of(session, {row["legal_entity_id"] for row in notices}),
        public_url=settings.public_url,
    )
    drafts = [_draft(session.organization_id, row, items[row["id"]], frame) for row in notices if items.get(row["id"])]
    await link_copies(session, settings, drafts)
    return drafts


def _draft(organization_id: UUID, notice: Any, items: Sequence[Any], frame: _Frame) -> Draft:
    message_id, channel = new_id(), str(notice["channel"])
    contact, recipient, refusal = _recipient(notice, frame)
    language = (contact["language"] if contact else None) or notice["language"]
    code = notice["template_code"] or "first_reminder"
    template = frame.templates.find(code, language) or fallback(code, language)
    url, secret = "", None
    if channel == "email" and frame.preferences.unsubscribe_enabled and frame.public_url:
        token, secret = unsubscribe_token(organization_id, message_id)
        url = f"{frame.public_url.rstrip('/')}/v1/dunning/unsubscribe/{token}"
    instructions = frame.preferences.payment_instructions
    if instructions is None:
        own = frame.banks.get(notice["legal_entity_id"], [])
        instructions = bank_instructions(notice["entity_name"], own, notice["currency"])
    values = notice_values(
        notice, items, _sums(notice, items), Sender(frame.organization_name, frame.signature, instructions, url),
        contact_name=contact["name"] if contact else None, language=language, today=frame.today, pay_by=frame.pay_by,
    )  # fmt: skip
    return Draft(
        id=message_id, notice=notice, items=items, channel=channel, language=language, contact=contact,
        recipient=recipient, template=template, values=values, letter=_letter(notice, contact, language, values, frame),
        unsubscribe_url=url, unsubscribe_secret=secret, cc=_cc(notice, recipient, frame) if channel == "email" else (),
        refusal=refusal, today=frame.today,
    )  # fmt: skip


def _sums(notice: Any, items: Sequence[Any]) -> Sums:
    return Sums(
        eligible_minor=sum(row["eligible_minor"] for row in items),
        earlier_minor=notice["charges_minor"],
        fee_minor=notice["fee_minor"],
        interest_minor=notice["interest_minor"],
        compensation_minor=notice["compensation_minor"],
    )


def _recipient(notice: Any, frame: _Frame) -> tuple[Any | None, str | None, str | None]:
    """Contact, address and why not. The contact of the notice, unless its address does not work: then the next best."""
    if notice["channel"] == "letter":
        found = [row for row in frame.contacts.get(notice["account_id"], []) if row["id"] == notice["contact_id"]]
        return (found[0] if found else None), None, None
    column = "email" if notice["channel"] == "email" else "phone"
    ranked = []
    for row in frame.contacts.get(notice["account_id"], []):
        address = row[column]
        if not address:
            continue
        marked = (row["id"], address_sha256(address)) in frame.marks
        person = Person(row["role"], row["active"], address, row["language"], marked)
        chosen = row["id"] == notice["contact_id"]
        ranked.append(((int(marked), int(not chosen), *rank_of(person)), row))
    if not ranked:
        return None, None, "no_contact"
    rank, best = min(ranked, key=lambda pair: pair[0])
    if rank[0]:
        return best, best[column], "delivery_failed"
    return best, best[column], None


def _cc(notice: Any, recipient: str | None, frame: _Frame) -> tuple[str, ...]:
    """Who gets a copy: the collector, and the account's contact for sales."""
    wanted: list[str] = []
    if "collector" in notice["cc"] and notice["collector_email"]:
        wanted.append(notice["collector_email"])
    if "sales" in notice["cc"]:
        wanted += [
            row["email"]
            for row in frame.contacts.get(notice["account_id"], [])
            if row["role"] == "sales" and row["email"]
        ][:3]
    return tuple(dict.fromkeys(address for address in wanted if address != recipient))


def _letter(
    notice: Any, contact: Any | None, language: str | None, values: Mapping[str, Any], frame: _Frame
) -> dict[str, Any]:
    """What the PDF is set from, but for its texts."""
    words = wording_of(language)
    main = locale_of(language).language
    head = (words.invoice, words.invoice_date, words.due_date, words.days, f"{words.open_amount} {notice['currency']}")
    rows = [
        (item["number"], item["invoice_date"], item["due_date"], str(item["days_past_due"] or ""), item["amount"])
        for item in values["items"]
    ]
    person = (contact["name"],) if contact and contact["name"] else ()
    sender = tuple(
        filter(
            None,
            (notice["entity_name"], notice["entity_street"],
             " ".join(filter(None, (notice["entity_postal_code"], notice["entity_city"])))),
        )
    )  # fmt: skip
    letter = Letter(
        subject="", before="", dated=shown_date(frame.today, language), sender=frame.letterhead or sender,
        address=(notice["legal_name"] or notice["name"], *person,
                 *address_lines(notice, notice["entity_country"], main)),
        table=(head, *rows), right=(3, 4), footer=f"{notice['entity_name']} · {words.account} {notice['number']}",
        language=main,
    )  # fmt: skip
    return {name: getattr(letter, name) for name in _LETTER_FIELDS}


async def _render(drafts: Sequence[Draft]) -> None:
    """The texts of each draft; messages of one template go to the renderer together."""
    groups: defaultdict[Template, list[Draft]] = defaultdict(list)
    for draft in drafts:
        groups[draft.template].append(draft)
    for template, members in groups.items():
        made = await renderer().render_each(sources_of(template), [draft.values for draft in members])
        for draft, texts in zip(members, made, strict=True):
            if isinstance(texts, TemplateInvalid):
                draft.refusal = draft.refusal or "template_invalid"
                draft.texts = {"subject": template.name, "text": texts.detail}
            else:
                draft.texts = texts
            _fill_letter(draft)


def _fill_letter(draft: Draft) -> None:
    assert draft.texts is not None
    texts = draft.texts
    texts["subject"] = " ".join(texts["subject"].split())[:300]
    before, _, after = (texts.get("letter") or texts["text"]).partition(ITEMS_MARK)
    draft.letter |= {"subject": texts["subject"], "before": before.strip(), "after": after.strip()}
    if ITEMS_MARK not in texts.get("letter", ""):
        draft.letter["table"] = ()


async def _write(session: WriteSession, drafts: Sequence[Draft], now: datetime) -> None:
    free = [draft for draft in drafts if draft.refusal is None]
    attempts = [
        Attempt(
            draft.notice["account_id"], cast(Channel, draft.channel), now, PURPOSE, SUBJECT_KIND, draft.notice["id"],
            draft.contact["id"] if draft.contact and draft.channel != "letter" else None,
        )
        for draft in free
    ]  # fmt: skip
    verdicts = await check_contacts(session, attempts, "planned") if attempts else []
    later: dict[UUID, datetime | None] = {}
    for draft, verdict in zip(free, verdicts, strict=True):
        if verdict.allowed or (verdict.not_before is not None and verdict.outcome == "delayed"):
            later[draft.id] = verdict.not_before
        else:
            draft.refusal = verdict.reason
    inserted = await writing.insert_messages(session, [_row(draft, later.get(draft.id)) for draft in drafts])
    kept = [draft for draft in drafts if draft.id in inserted]
    await writing.insert_contents(session, [_content(draft) for draft in kept])
    refused: defaultdict[str, list[UUID]] = defaultdict(list)
    for draft in kept:
        facts = {"notice_id": draft.notice["id"], "account_id": draft.notice["account_id"], "channel": draft.channel}
        event = "dunning_message.planned" if draft.refusal is None else "dunning_message.suppressed"
        if draft.refusal is not None:
            refused[draft.refusal].append(draft.notice["id"])
            facts["reason"] = draft.refusal
        record_change(session, ChangeRow("dunning_message", draft.id, event, None, facts))
    for reason, notice_ids in refused.items():
        await mark_notices(session, notice_ids, "suppressed", now, reason=reason)
    going = {(draft.channel, later.get(draft.id)) for draft in kept if draft.refusal is None}
    for channel, not_before in going:
        if channel != "letter":
            owe(session, DELIVER, channel, run_at=not_before)
    if kept:
        owe(session, PAPERS, "all", run_at=now + timedelta(seconds=PAPERS_DELAY_SECONDS))


PAPERS_DELAY_SECONDS = 30.0
"""PDFs of e-mails are set after the e-mails have left; who wants one sooner gets it at once."""


def _row(draft: Draft, not_before: datetime | None) -> tuple[Any, ...]:
    suppressed = draft.refusal is not None
    return (
        draft.id, draft.notice["id"], draft.notice["account_id"], draft.contact["id"] if draft.contact else None,
        draft.channel, draft.language or "en", draft.recipient, ",".join(draft.cc),
        "suppressed" if suppressed else "approved", draft.template.code, draft.template.revision, draft.refusal,
        ",".join(str(one) for one in draft.attachments), draft.today, None if suppressed else not_before, None,
    )  # fmt: skip


def _content(draft: Draft) -> tuple[Any, ...]:
    assert draft.texts is not None
    texts = draft.texts
    text = texts.get("sms") or texts["text"] if draft.channel == "sms" else texts["text"]
    html = texts.get("html") if draft.channel == "email" else None
    digest = None if draft.unsubscribe_secret is None else hashlib.sha256(draft.unsubscribe_secret).digest()
    return (
        draft.id, texts["subject"], text.strip() + "\n", html, json.dumps(draft.letter), draft.unsubscribe_url or None,
        digest,
    )  # fmt: skip


def unsubscribe_token(organization_id: UUID, message_id: UUID) -> tuple[str, bytes]:
    """The token of an unsubscribe link, and its secret part: it names organization and message without a look-up."""
    secret = secrets.token_bytes(SECRET_BYTES)
    raw = organization_id.bytes + message_id.bytes + secret
    return base64.urlsafe_b64encode(raw).decode().rstrip("="), secret


def read_unsubscribe_token(token: str) -> tuple[UUID, UUID, bytes] | None:
    """Organization, message and secret of a token; None for one that is damaged."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (ValueError, UnicodeEncodeError):
        return None
    if len(raw) != 32 + SECRET_BYTES:
        return None
    return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:]
