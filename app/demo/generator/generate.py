"""A believable company from a seed: accounts, documents, two years of payments, bank statements, and the truth.

Pure but for writing its files into the folder it is given: no clock, no network, no float; the same arguments write
the same bytes. The files go in through the imports that every user has (see `extracts` and `camt` for the formats,
`truth` for what a matcher is judged by).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from app.demo.generator.camt import statement_xml
from app.demo.generator.company import OWN_ACCOUNTS, OwnBankAccount, company_json
from app.demo.generator.customers import Customer, build_customers
from app.demo.generator.dice import Dice
from app.demo.generator.documents import Document, NumberRanges, build_documents
from app.demo.generator.extracts import write_extracts, write_json
from app.demo.generator.figures import aging, count_categories
from app.demo.generator.identifiers import bank_identifier
from app.demo.generator.other_money import Flow, other_transactions
from app.demo.generator.payers import PayerStory, Stranger
from app.demo.generator.remittance import write_remittance
from app.demo.generator.statements import Statement, build_statements
from app.demo.generator.transactions import Transaction
from app.demo.generator.truth import write_truth

DEFAULT_UNTIL = date(2025, 12, 31)
_STRANGERS = ("Finexa Factoring GmbH", "Claro Trade Finance Ltd", "Meridian Receivables LLC", "Okta Leasing AG")
_COLLECTION_COUNTRIES = frozenset({"NL", "BE", "FR"})


@dataclass(frozen=True, slots=True)
class DemoManifest:
    """What was written. Amounts are minor units; `statements` are in the order in which they should be loaded."""

    folder: Path
    seed: int
    since: date
    until: date
    accounts: int
    documents: dict[str, int]
    billed_minor: dict[str, int]
    transactions: int
    receipts: int
    categories: dict[str, int]
    aging_minor: dict[str, dict[str, int]]
    statements: tuple[Path, ...] = field(default=())

    @property
    def accounts_file(self) -> Path:
        """The accounts extract."""
        return self.folder / "accounts.csv"

    @property
    def accounts_mapping_file(self) -> Path:
        """How to read `accounts_file`."""
        return self.folder / "mapping_accounts.json"

    @property
    def invoices_file(self) -> Path:
        """The extract of invoices, debit memos, finance charges and credit memos."""
        return self.folder / "invoices.csv"

    @property
    def invoices_mapping_file(self) -> Path:
        """How to read `invoices_file`."""
        return self.folder / "mapping_invoices.json"

    @property
    def company_file(self) -> Path:
        """Legal entities, bank accounts, terms and people that have to exist before the imports."""
        return self.folder / "company.json"

    @property
    def truth_file(self) -> Path:
        """What each transaction truly is; read with `truth.read_truth`."""
        return self.folder / "truth.csv"


def _own_account(payer: Customer, entity: str, currency: str) -> OwnBankAccount:
    """Where this payer pays to: the legal entity's account in the currency; some have two."""
    fitting = [own for own in OWN_ACCOUNTS if own.entity == entity and own.currency == currency]
    second = payer.habits.method == "direct_debit" or payer.country.code in _COLLECTION_COUNTRIES
    return fitting[-1] if second else fitting[0]


def _tell_stories(documents: list[Document], until: date, dice: Dice) -> tuple[list[Transaction], list[Document]]:
    """Every payer's payments, and the credit memos that arose from what they kept back."""
    by_payer: dict[tuple[str, str, str], list[Document]] = {}
    payers: dict[str, Customer] = {}
    for document in documents:
        payer = document.customer.payer
        payers[payer.number] = payer
        by_payer.setdefault((payer.number, document.entity, document.currency), []).append(document)
    strangers = [Stranger(name, bank_identifier("DE", dice)) for name in _STRANGERS]
    transactions: list[Transaction] = []
    memos: list[Document] = []
    for (number, entity, currency), owed in sorted(by_payer.items(), key=lambda item: item[0]):
        own = _own_account(payers[number], entity, currency)
        stream = dice.fork(f"{number}/{entity}/{currency}")
        story = PayerStory(payers[number], own, owed, until, strangers, stream)
        story.tell()
        transactions += story.transactions
        memos += story.credit_memos
    return transactions, memos


def _flows(transactions: list[Transaction]) -> list[Flow]:
    count: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for transaction in transactions:
        count[transaction.own.identifier] += 1
        total[transaction.own.identifier] += transaction.signed
    return [Flow(own, count[own.identifier], max(total[own.identifier], 0)) for own in OWN_ACCOUNTS]


def _write_statements(folder: Path, statements: list[Statement]) -> list[Path]:
    paths = []
    for statement in statements:
        path = folder / "statements" / statement.own.identifier / statement.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(statement_xml(statement), encoding="utf-8", newline="\n")
        paths.append(path)
    return paths


def first_day(until: date) -> date:
    """The day after the same day two years before (28 February for 29 February)."""
    day = 28 if (until.month, until.day) == (2, 29) else until.day
    return until.replace(year=until.year - 2, day=day) + timedelta(days=1)


def generate(
    folder: Path,
    *,
    seed: int = 20240101,
    accounts: int = 2000,
    invoices: int = 20000,
    until: date = DEFAULT_UNTIL,
) -> DemoManifest:
    """Write the company's files into `folder` (created when missing) and say what was written.

    `accounts` customers and `invoices` invoices over the two years that end on `until`; side documents (credit and
    debit memos, finance charges) come on top. Raises ValueError for fewer than one account or a negative count.
    """
    if accounts < 1 or invoices < 0:
        raise ValueError("at least one account and no negative number of invoices")
    since = first_day(until)
    dice = Dice(seed)
    customers = build_customers(accounts, dice.fork("customers"))
    documents = build_documents(customers, invoices, since, until, dice.fork("documents"))
    transactions, memos = _tell_stories(documents, until, dice.fork("payers"))
    documents = sorted(documents + memos, key=lambda document: document.invoice_date)
    NumberRanges(until).assign(documents, dice.fork("numbers"))
    transactions += other_transactions(_flows(transactions), since, until, dice.fork("other"))
    transactions.sort(key=lambda transaction: transaction.booking)
    texts = dice.fork("texts")
    for transaction in transactions:
        write_remittance(transaction, texts)

    folder.mkdir(parents=True, exist_ok=True)
    statements: list[Statement] = []
    for own in OWN_ACCOUNTS:
        mine = [transaction for transaction in transactions if transaction.own is own]
        statements += build_statements(own, mine, since, until)
    paths = _write_statements(folder, statements)
    write_extracts(folder, customers, documents)
    write_truth(folder / "truth.csv", transactions)
    write_json(folder / "company.json", company_json(since))
    manifest = _manifest(folder, seed, since, until, customers, documents, transactions, paths)
    write_json(folder / "manifest.json", manifest_json(manifest))
    return manifest


def _manifest(
    folder: Path, seed: int, since: date, until: date, customers: list[Customer], documents: list[Document],
    transactions: list[Transaction], paths: list[Path],
) -> DemoManifest:  # fmt: skip
    billed: Counter[str] = Counter()
    for document in documents:
        billed[document.currency] += document.amount if document.kind != "credit_memo" else -document.amount
    return DemoManifest(
        folder=folder,
        seed=seed,
        since=since,
        until=until,
        accounts=len(customers),
        documents=dict(sorted(Counter(document.kind for document in documents).items())),
        billed_minor=dict(sorted(billed.items())),
        transactions=len(transactions),
        receipts=sum(transaction.credit for transaction in transactions),
        categories=count_categories(transactions),
        aging_minor=dict(sorted(aging(documents, until).items())),
        statements=tuple(paths),
    )


def manifest_json(manifest: DemoManifest) -> dict[str, object]:
    """The manifest as `manifest.json` holds it: paths relative to the folder, dates as text."""
    return {
        "seed": manifest.seed,
        "since": manifest.since.isoformat(),
        "until": manifest.until.isoformat(),
        "accounts": manifest.accounts,
        "documents": manifest.documents,
        "billed_minor": manifest.billed_minor,
        "transactions": manifest.transactions,
        "receipts": manifest.receipts,
        "categories": manifest.categories,
        "aging_minor": manifest.aging_minor,
        "statements": [path.relative_to(manifest.folder).as_posix() for path in manifest.statements],
    }
