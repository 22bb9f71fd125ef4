"""How to pay, as it stands on a statement: bank account, amount, reference, and the code for a bank's program."""

from __future__ import annotations

from collections.abc import Iterator

from app.accounts.addresses import address_lines
from app.core.payment_references import grouped_reference
from app.infra.rendering.papers import Beside, Drawing, Grid, Heading, Part
from app.infra.rendering.payment_slips import PaymentSlip
from app.infra.rendering.qr_codes import payment_code_svg, swiss_code_svg
from app.statements.instructions import Instruction
from app.statements.payment_codes import EPC_VERSION_MAX, Party
from app.statements.statement import Statement
from app.statements.texts import Words, grouped_identifier


def payment_parts(statement: Statement, words: Words, *, level: int = 1) -> Iterator[Part]:
    """What to pay where; without anything to pay the own bank accounts alone, as before."""
    if not statement.instructions:
        yield from _banks(statement, words, level)
        return
    yield Heading(words("bank_details"), level)
    for one in statement.instructions:
        table = _table(one, words)
        if one.code == "epc" and one.payload is not None:
            code = Drawing(payment_code_svg(one.payload, version_max=EPC_VERSION_MAX), words("scan_to_pay"))
            yield Beside(((code,), (table,)), (1, 4))
        else:
            yield table


def payment_slips(statement: Statement, words: Words) -> Iterator[Part]:
    """A page with the payment part for each QR-bill."""
    for one in statement.instructions:
        if one.code != "swiss_qr_bill" or one.payload is None or one.bank is None:
            continue
        yield PaymentSlip(
            account=(grouped_identifier(one.bank["identifier"]), *_lines(one.creditor)),
            reference=(grouped_reference(one.reference),) if one.reference else (),
            information=(str(statement.account["number"]),),
            debtor=_lines(one.debtor) if one.debtor.is_whole else (),
            currency=one.currency,
            amount=f"{one.amount_minor // 100:,}".replace(",", " ") + f".{one.amount_minor % 100:02d}",
            code=swiss_code_svg(one.payload),
            language=words.language,
        )


def statement_address(statement: Statement, words: Words) -> tuple[str, ...]:
    """Name and postal address of the account, with the country where it is not the sender's."""
    account = statement.account
    sender = statement.banks[0]["country"] if statement.banks else None
    return (account["legal_name"] or account["name"], *address_lines(account, sender, words.language))


def _lines(party: Party) -> tuple[str, ...]:
    lines = (party.name, party.street, f"{party.postal_code} {party.city}".strip())
    return tuple(line for line in lines if line)


def _table(one: Instruction, words: Words) -> Grid:
    rows = [(words("payee"), one.legal_entity)]
    if one.bank is not None:
        rows.append((words("iban"), grouped_identifier(one.bank["identifier"])))
        if one.bank["bic"]:
            rows.append(("BIC", one.bank["bic"]))
    rows.append((words("to_pay"), f"{words.amount(one.amount_minor, one.currency)} {one.currency}"))
    if one.reference:
        rows.append((words("payment_reference"), grouped_reference(one.reference)))
    if one.code is not None:
        rows.append(("", words("scan_to_pay" if one.code == "epc" else "slip_behind")))
    bold = tuple(index for index, row in enumerate(rows) if row[0] in (words("to_pay"), words("payment_reference")))
    return Grid(("", ""), tuple(rows), (1, 3), (), bold, 9)


def _banks(statement: Statement, words: Words, level: int) -> Iterator[Part]:
    banks = [row for row in statement.banks if row["identifier"] is not None]
    if not banks:
        return
    yield Heading(words("bank_details"), level)
    yield Grid(
        (words("bank"), words("iban"), "BIC", words("currency")),
        tuple(
            (f"{row['legal_entity']}\n{row['name']}", grouped_identifier(row["identifier"]), row["bic"] or "",
             row["currency"])
            for row in banks
        ),
        widths=(2, 3, 1, 0),
    )  # fmt: skip
