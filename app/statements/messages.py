"""The e-mail around a statement, in the words of a language, and the values of an organization's own template. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.payment_references import grouped_reference
from app.statements.statement import Statement
from app.statements.texts import Words


def statement_message(statement: Statement, words: Words) -> tuple[str, str]:
    """Subject and body."""
    number, day = statement.account["number"], words.long_day(statement.as_of)
    body = words("mail_body", number=number, date=day)
    sums = "\n".join(_sums(statement, words))
    references = list(dict.fromkeys(one.reference for one in statement.instructions if one.reference))
    paid = [words("mail_reference", reference=grouped_reference(one)) for one in references]
    parts = [words("mail_greeting"), body, sums or words("nothing"), *paid, words("mail_contested")]
    return words("mail_subject", number=number, date=day), "\n\n".join(parts)


def _sums(statement: Statement, words: Words) -> Iterator[str]:
    for totals in statement.totals:
        balance = f"{words.amount(totals.balance_minor, totals.currency)} {totals.currency}"
        line = f"{words('balance')}: {balance}"
        if totals.overdue_minor > 0:
            overdue = f"{words.amount(totals.overdue_minor, totals.currency)} {totals.currency}"
            line += f" · {words('overdue')}: {overdue}"
        yield line


def statement_values(statement: Statement, words: Words) -> dict[str, str]:
    """What a template `account-statement` may show under `values`."""
    references = [one.reference for one in statement.instructions if one.reference]
    return {
        "as_of": words.long_day(statement.as_of),
        "sums": "\n".join(_sums(statement, words)),
        "reference": grouped_reference(references[0]) if references else "",
        "message": "",
    }
