"""Make a statement as a file: facts (one snapshot) → bytes (no transaction). Other rooms attach it to their mail."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.infra.database import Database
from app.infra.rendering.papers import paper_pdf
from app.statements.layout import statement_paper
from app.statements.statement import Statement, account_statement
from app.statements.texts import Words

PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class MadeStatement:
    """A statement as PDF, with the facts and words that it was made from; `name` is that of the file."""

    statement: Statement
    words: Words
    content: bytes
    name: str


async def statement_pdf(
    database: Database, organization_id: UUID, account_id: UUID, as_of: date, *, language: str | None = None
) -> MadeStatement:
    """The statement of an account on a business date, in that language or the account's own.

    Takes the processor for some hundredths of a second, in a thread. Raises AccountNotFound, StatementTooLarge,
    PaperTooLarge.
    """
    async with database.read(organization_id, snapshot=True) as session:
        statement = await account_statement(session, account_id, as_of)
    return await render_statement(statement, language)


async def render_statement(statement: Statement, language: str | None = None) -> MadeStatement:
    """The PDF of facts that were read before. Raises PaperTooLarge."""
    account = statement.account
    words = Words(language or account["language"], account["country"])
    content = await asyncio.to_thread(_pdf, statement, words)
    return MadeStatement(statement, words, content, f"statement-{account['number']}-{statement.as_of}.pdf")


def _pdf(statement: Statement, words: Words) -> bytes:
    return paper_pdf(statement_paper(statement, words), statement.as_of)
