"""Clients that write over HTTP as an ERP would: with an Idempotency-Key, and again with the same one until answered."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any
from uuid import uuid4

import httpx

from tests.chaos.journal import AppliedGroup, IssuedInvoice, Journal

INVOICE_DATE, VALUE_DATE = "2026-03-02", "2026-03-20"
RETRIED_CODES = {"idempotency.in_flight", "busy"}
GIVE_UP_SECONDS = 180.0
HOT_INVOICES = 8


class Writers:
    """A few concurrent clients of one organization, over one journal."""

    def __init__(self, url: str, token: str, journal: Journal, seed: int) -> None:
        self.client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=15,
            limits=httpx.Limits(max_connections=32),
        )
        self.journal = journal
        self.random = random.Random(seed)
        self.legal_entity_id = ""
        self.account_id = ""
        self.hot: list[IssuedInvoice] = []
        self.stopping = False

    async def prepare(self) -> None:
        """A customer and a few invoices that everybody pays at once."""
        entities = await self.client.get("/v1/legal-entities")
        self.legal_entity_id = entities.raise_for_status().json()["data"][0]["id"]
        body = {"number": "CHAOS", "name": "Chaos Customer", "currency": "EUR"}
        made = await self.client.post("/v1/accounts", json=body)
        self.account_id = made.raise_for_status().json()["id"]
        for _ in range(HOT_INVOICES):
            issued = await self.issue(50_000_00)
            assert issued is not None, self.journal.faults
            self.hot.append(issued)

    async def run(self, writers: int) -> None:
        """Write until told to stop; whatever was begun is brought to its end."""
        await asyncio.gather(*(self._writer(number) for number in range(writers)))
        await self.client.aclose()

    async def _writer(self, number: int) -> None:
        dice = random.Random(f"{self.random.random()}-{number}")
        while not self.stopping:
            step = dice.choices(
                (self._pay_and_apply, self._matched_payment, self._undo, self._import), weights=(70, 12, 15, 3)
            )[0]
            await step(dice)

    async def _pay_and_apply(self, dice: random.Random) -> None:
        """A payment, applied to a hot invoice and to one of its own; sometimes more than it has."""
        amount = dice.randrange(1_00, 900_00)
        paid = await self.pay(amount, match=False)
        if paid is None:
            return
        owed = dice.choice(self.hot) if dice.random() < 0.7 else await self.issue(dice.randrange(1_00, 900_00))
        if owed is not None:
            await self.apply(paid, owed, dice.choice((amount, amount // 2 + 1, amount, amount + 1)))

    async def _matched_payment(self, dice: random.Random) -> None:
        """A payment that the worker is to apply by its reference."""
        issued = await self.issue(dice.randrange(1_00, 900_00))
        if issued is not None:
            number = next(key for key, value in self.journal.invoices.items() if value is issued)
            await self.pay(issued.amount_minor, match=True, remittance_text=f"Invoice {number}")

    async def _undo(self, dice: random.Random) -> None:
        standing = sorted(set(self.journal.groups) - set(self.journal.undone.values()))
        if not standing:
            return
        group_id = dice.choice(standing)
        body = {"effective_date": VALUE_DATE, "reason": "entered twice"}
        answer = await self._post(f"/v1/applications/{group_id}/reverse", body, "undo", also={"application"})
        if answer is not None:
            self.journal.undone[answer["group_id"]] = group_id

    async def _import(self, dice: random.Random) -> None:
        """A file of invoices, loaded by the worker."""
        rows = {f"M-{uuid4().hex[:16]}": dice.randrange(1_00, 900_00) for _ in range(dice.randrange(20, 200))}
        lines = [f"{number},CHAOS,EUR,{_text(amount)},{INVOICE_DATE},2026-04-01" for number, amount in rows.items()]
        text = "number,account_number,currency,amount,invoice_date,due_date\n" + "\n".join(lines) + "\n"
        answer = await self._post("/v1/imports?kind=invoices&file_name=chaos.csv", text, "import")
        if answer is not None:
            self.journal.imports[answer["id"]] = rows

    async def issue(self, amount_minor: int) -> IssuedInvoice | None:
        """Issue an invoice."""
        number = f"C-{uuid4().hex[:16]}"
        body = {
            "number": number, "account_id": self.account_id, "legal_entity_id": self.legal_entity_id, "currency": "EUR",
            "amount": _text(amount_minor), "invoice_date": INVOICE_DATE, "due_date": "2026-04-01",
        }  # fmt: skip
        answer = await self._post("/v1/invoices", body, "invoice")
        if answer is None:
            return None
        made = IssuedInvoice(answer["id"], answer["instalments"][0]["id"], amount_minor)
        self.journal.invoices[number] = made
        return made

    async def pay(self, amount_minor: int, *, match: bool, **more: object) -> str | None:
        """Record a payment; nothing but its key keeps it from being recorded twice."""
        reference = f"R-{uuid4().hex[:16]}"
        body = {
            "amount": _text(amount_minor), "currency": "EUR", "value_date": VALUE_DATE, "account_id": self.account_id,
            "legal_entity_id": self.legal_entity_id, "bank_reference": reference, "match": match, **more,
        }  # fmt: skip
        answer = await self._post("/v1/payments", body, "payment")
        if answer is None:
            return None
        self.journal.payments[reference] = (answer["id"], amount_minor)
        return str(answer["id"])

    async def apply(self, payment_id: str, owed: IssuedInvoice, amount_minor: int) -> None:
        """Apply a payment to an instalment; too much must be refused."""
        line = {"instalment_id": owed.instalment_id, "amount": _text(amount_minor)}
        body = {"effective_date": VALUE_DATE, "currency": "EUR", "lines": [line]}
        path = f"/v1/payments/{payment_id}/applications"
        answer = await self._post(path, body, "application", also={"application", "payment", "instalment"})
        if answer is not None:
            self.journal.groups[answer["group_id"]] = AppliedGroup(payment_id, owed.instalment_id, amount_minor)

    async def _post(self, path: str, body: Any, what: str, also: set[str] | None = None) -> dict[str, Any] | None:
        """POST with a key of its own until it is answered. A refusal of a room in `also` is an answer too."""
        key, began, doubtful = uuid4().hex, time.monotonic(), False
        while True:
            try:
                answer = await self._send(path, body, key)
            except httpx.TransportError as error:
                self.journal.retried[type(error).__name__] += 1
                answer, doubtful = None, True
            if answer is not None and not self._again(answer):
                break
            doubtful = doubtful or answer is not None
            if time.monotonic() - began > GIVE_UP_SECONDS:
                self.journal.faults.append(f"{what}: no answer for {GIVE_UP_SECONDS:.0f} s")
                return None
            await asyncio.sleep(0.1 + self.random.random() * 0.3)
        waited = time.monotonic() - began
        self.journal.longest_wait_seconds = max(self.journal.longest_wait_seconds, waited)
        self.journal.doubtful += doubtful
        self.journal.replayed += "idempotency-replayed" in answer.headers
        return self._read(answer, path, key, body, what, also or set())

    async def _send(self, path: str, body: Any, key: str) -> httpx.Response:
        if isinstance(body, str):
            headers = {"Idempotency-Key": key, "Content-Type": "text/csv"}
            return await self.client.post(path, content=body, headers=headers)
        return await self.client.post(path, json=body, headers={"Idempotency-Key": key})

    def _again(self, answer: httpx.Response) -> bool:
        """Whether the answer asks to try again; it is counted."""
        code = _code(answer)
        if answer.status_code == 503 or code in RETRIED_CODES:
            self.journal.retried[f"{answer.status_code} {code}"] += 1
            return True
        return False

    def _read(
        self, answer: httpx.Response, path: str, key: str, body: Any, what: str, also: set[str]
    ) -> dict[str, Any] | None:
        if answer.is_success:
            self.journal.acknowledged[what] += 1
            found: dict[str, Any] = answer.json()
            if isinstance(body, dict):
                self.journal.answers.append((path, key, body, str(found.get("id") or found.get("group_id"))))
            return found
        code = _code(answer)
        if answer.status_code in (409, 422) and code.partition(".")[0] in also:
            self.journal.refused[code] += 1
        else:
            self.journal.faults.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        return None


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("code", ""))
    except ValueError:
        return ""


def _text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
