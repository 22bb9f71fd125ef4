"""Decide promises and plans by the money that arrived: load the facts of some accounts, judge, write what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.promises import queries, sql
from app.promises.rules import (
    UNDECIDED,
    Claim,
    PartFacts,
    PlanVerdict,
    PromiseFacts,
    Receipt,
    Relief,
    Taken,
    Verdict,
    attribute,
    judge,
    judge_plan,
    paid_since,
    relieved_after,
)

LOOK_BACK_DAYS = 730
"""Promises made earlier are history: no money decides them anew."""
ACCOUNTS_LIMIT = 200
"""Accounts that one transaction evaluates."""
NOTHING_OWED = "nothing_owed"


@dataclass(slots=True)
class _Book:
    """What is known of one account and currency."""

    claims: list[Claim] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    reliefs: list[Relief] = field(default_factory=list)
    open_minor: int = 0


@dataclass(slots=True)
class Evaluated:
    """How many promises and plans changed."""

    promises: int = 0
    plans: int = 0


async def evaluate_accounts(session: WriteSession, account_ids: Iterable[UUID], today: date) -> Evaluated:
    """Decide all promises and active plans of these accounts as of `today`; only what changed is written.

    Repeatable: with the same money and the same day a second run changes nothing.
    """
    ids = sorted(await queries.lock_accounts(session, account_ids))
    done = Evaluated()
    if not ids:
        return done
    since = today - timedelta(days=LOOK_BACK_DAYS)
    promises = await queries.promises_to_judge(session, ids, since)
    plans = await queries.plans_to_judge(session, ids, since)
    if not promises and not plans:
        return done
    books = await _books(session, ids, promises, plans)
    opens = await queries.instalment_open_minor(session, _named(promises, plans))
    taken = {}
    for book in books.values():
        taken.update(attribute(book.claims, book.receipts))
    done.promises = await _judge_promises(session, promises, books, taken, opens, today)
    done.plans = await _judge_plans(session, plans, books, taken, opens, today)
    return done


def _named(promises: Sequence[Any], plans: Sequence[Any]) -> set[UUID]:
    return {UUID(item[0]) for row in (*promises, *plans) for item in row["items"]}


async def _books(
    session: WriteSession, ids: Collection[UUID], promises: Sequence[Any], plans: Sequence[Any]
) -> dict[tuple[UUID, str], _Book]:
    books: dict[tuple[UUID, str], _Book] = {}
    for row in promises:
        books.setdefault((row["account_id"], row["currency"]), _Book()).claims.append(_claim_of_promise(row))
    for row in plans:
        books.setdefault((row["account_id"], row["currency"]), _Book()).claims.append(_claim_of_plan(row))
    first = min(claim.made_on for book in books.values() for claim in book.claims)
    for row in await queries.receipts(session, ids, first):
        if (book := books.get((row["account_id"], row["currency"]))) is not None:
            book.receipts.append(Receipt(row["value_date"], row["payment_id"], row["minor"], row["instalment_id"]))
    broken = [row["decided_on"] for row in (*promises, *plans) if row["status"] == "broken"]
    late = [row["kept_until"] for row in promises if row["status"] != "kept"]
    if broken or late:
        for row in await queries.reliefs(session, ids, min(broken + late)):
            if (book := books.get((row["account_id"], row["currency"]))) is not None:
                book.reliefs.append(Relief(row["effective_date"], row["minor"], row["instalment_id"]))
    if any(row["scope"] == "account" for row in promises):
        for row in await queries.open_instalments(session, ids):
            if (book := books.get((row["account_id"], row["currency"]))) is not None:
                book.open_minor += row["open_minor"]
    return books


def _claim_of_promise(row: Any) -> Claim:
    items = None if row["scope"] == "account" else frozenset(UUID(item[0]) for item in row["items"])
    return Claim(row["id"], row["made_on"], row["amount_minor"], items, row["kept_until"])


def _claim_of_plan(row: Any) -> Claim:
    """A broken plan takes only what came until it broke: later money is free for later promises."""
    until = row["decided_on"] if row["status"] == "broken" else None
    items = frozenset(UUID(item[0]) for item in row["items"])
    return Claim(row["id"], row["activated_on"], row["total_minor"], items, until)


async def _judge_promises(
    session: WriteSession,
    rows: Sequence[Any],
    books: Mapping[tuple[UUID, str], _Book],
    taken: Mapping[UUID, list[Taken]],
    opens: Mapping[UUID, int],
    today: date,
) -> int:
    changed: list[tuple[UUID, Verdict]] = []
    for row in rows:
        book = books[row["account_id"], row["currency"]]
        claim = _claim_of_promise(row)
        open_minor = book.open_minor if claim.instalments is None else sum(opens.get(i, 0) for i in claim.instalments)
        open_minor += relieved_after(claim, book.reliefs, row["kept_until"])
        facts = PromiseFacts(claim, row["kept_until"])
        verdict = judge(facts, taken[claim.id], paid_since(claim, book.receipts), open_minor, today)
        kept = {UUID(item[0]): item[1] for item in row["items"]}
        known = {item: verdict.kept_by_instalment.get(item, 0) for item in kept}
        if (verdict.status, verdict.kept_minor, kept) != (row["status"], row["kept_minor"], known):
            changed.append((row["id"], verdict))
            _tell_promise(session, row, verdict)
    await sql.write_verdicts(session, changed)
    return len(changed)


def _tell_promise(session: WriteSession, row: Any, verdict: Verdict) -> None:
    before, after = (row["status"], row["kept_minor"]), (verdict.status, verdict.kept_minor)
    if before == after:
        return
    event: str = verdict.status
    if verdict.status == "open" or (verdict.status == "partly_kept" and row["status"] not in UNDECIDED):
        event = "reopened"
    facts: dict[str, object] = {"account_id": row["account_id"], "status": verdict.status}
    facts |= {"kept_minor": verdict.kept_minor, "amount_minor": row["amount_minor"], "currency": row["currency"]}
    if verdict.decided_on is not None:
        facts["decided_on"] = verdict.decided_on
    record_change(
        session,
        ChangeRow(
            entity_type="promise",
            entity_id=row["id"],
            event=f"promise.{event}",
            before={"status": row["status"], "kept_minor": row["kept_minor"]},
            after=facts,
            effective_date=verdict.decided_on,
            reason=NOTHING_OWED if verdict.status == "cancelled" else None,
        ),
    )


async def _judge_plans(
    session: WriteSession,
    rows: Sequence[Any],
    books: Mapping[tuple[UUID, str], _Book],
    taken: Mapping[UUID, list[Taken]],
    opens: Mapping[UUID, int],
    today: date,
) -> int:
    changed: list[tuple[UUID, PlanVerdict, Any]] = []
    for row in rows:
        book = books[row["account_id"], row["currency"]]
        claim = _claim_of_plan(row)
        assert claim.instalments is not None
        parts = [
            PartFacts(part[0], date.fromisoformat(part[1]), date.fromisoformat(part[2]), part[3])
            for part in row["parts"]
        ]
        open_minor = sum(opens.get(item, 0) for item in claim.instalments)
        if row["status"] == "broken":
            open_minor += relieved_after(claim, book.reliefs, row["decided_on"])
        verdict = judge_plan(parts, taken[claim.id], open_minor, paid_since(claim, book.receipts), today)
        known = [(part[0], part[4], part[5]) for part in row["parts"]]
        found = [(part.ordinal, part.status, part.paid_minor) for part in verdict.parts]
        if (verdict.status, verdict.paid_minor, found) != (row["status"], row["paid_minor"], known):
            following = next((p for p, v in zip(parts, verdict.parts, strict=True) if v.status != "kept"), None)
            changed.append((row["id"], verdict, following))
            _tell_plan(session, row, verdict, known)
    await sql.write_plan_verdicts(session, changed)
    return len(changed)


def _tell_plan(session: WriteSession, row: Any, verdict: PlanVerdict, known: Sequence[tuple[int, str, int]]) -> None:
    facts: dict[str, object] = {"account_id": row["account_id"], "currency": row["currency"]}
    before = {ordinal: status for ordinal, status, _ in known}
    turned = [part for part in verdict.parts if part.status != before[part.ordinal]]
    event = "paid"
    if verdict.status != row["status"]:
        event = "reopened" if verdict.status == "active" else verdict.status
    facts |= {"status": verdict.status, "paid_minor": verdict.paid_minor, "total_minor": row["total_minor"]}
    if turned:
        facts["parts"] = [{"ordinal": part.ordinal, "status": part.status} for part in turned]
    record_change(
        session,
        ChangeRow(
            entity_type="payment_plan",
            entity_id=row["id"],
            event=f"payment_plan.{event}",
            before={"status": row["status"], "paid_minor": row["paid_minor"]},
            after=facts,
            effective_date=verdict.decided_on,
        ),
    )


async def evaluate_past_deadline(session: WriteSession, today: date, after: UUID | None = None) -> UUID | None:
    """One bounded step of the night: accounts whose last day of grace has passed. The last account, None at the end."""
    ids = await queries.accounts_past_deadline(session, today, after, ACCOUNTS_LIMIT)
    await evaluate_accounts(session, ids, today)
    return ids[-1] if len(ids) == ACCOUNTS_LIMIT else None


async def evaluate_touched(session: WriteSession, touched: queries.Touched, today: date) -> Evaluated:
    """Decide anew what the money or debt in these rows belongs to."""
    since = today - timedelta(days=LOOK_BACK_DAYS)
    return await evaluate_accounts(session, await queries.accounts_concerned(session, touched, since), today)
