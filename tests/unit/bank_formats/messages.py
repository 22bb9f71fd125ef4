"""Camt messages in the shape that banks send, with invented content. Each test says only what it is about."""

from __future__ import annotations

IBAN = "DE75512108001245126199"


def camt(
    *entries: str,
    message: str = "053",
    version: str = "001.08",
    opening: str | None = None,
    closing: str | None = None,
    statement: str = "",
    currency: str = "EUR",
    account: str = f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>",
) -> bytes:
    """A whole message with one statement, report or notification."""
    root, part = {
        "052": ("BkToCstmrAcctRpt", "Rpt"),
        "053": ("BkToCstmrStmt", "Stmt"),
        "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }[message]
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{amount.lstrip("-")}</Amt>'
        f"<CdtDbtInd>{'DBIT' if amount.startswith('-') else 'CRDT'}</CdtDbtInd>"
        f"<Dt><Dt>2024-03-1{day}</Dt></Dt></Bal>"
        for kind, amount, day in (("OPBD", opening, 3), ("CLBD", closing, 4))
        if amount is not None
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{message}.{version}"><{root}>'
        "<GrpHdr><MsgId>MSG-1</MsgId><CreDtTm>2024-03-14T18:00:00</CreDtTm></GrpHdr>"
        f"<{part}><Id>ST-1</Id><ElctrncSeqNb>52</ElctrncSeqNb>{statement}{account}{balances}"
        f"{''.join(entries)}</{part}></{root}></Document>"
    ).encode()


def entry(
    amount: str = "100.00",
    *,
    direction: str | None = "CRDT",
    details: str = "",
    currency: str = "EUR",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    booked: str | None = "2024-03-14",
    valued: str | None = "2024-03-15",
    reference: str | None = "BANK-REF-0001",
    before: str = "",
    after: str = "",
) -> str:
    """An `Ntry`; `details` stands inside `NtryDtls`."""
    dates = f"<BookgDt><Dt>{booked}</Dt></BookgDt>" if booked else ""
    dates += f"<ValDt><Dt>{valued}</Dt></ValDt>" if valued else ""
    side = f"<CdtDbtInd>{direction}</CdtDbtInd>" if direction else ""
    bank = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    inside = f"<NtryDtls>{details}</NtryDtls>" if details else ""
    return f'<Ntry><Amt Ccy="{currency}">{amount}</Amt>{side}{before}{status}{dates}{bank}{after}{inside}</Ntry>'


def detail(
    amount: str | None = None,
    *,
    currency: str = "EUR",
    direction: str | None = None,
    refs: str = "",
    inside: str = "",
) -> str:
    """A `TxDtls` as from version 3 on: amount and direction at its top."""
    money = f'<Amt Ccy="{currency}">{amount}</Amt>' if amount is not None else ""
    side = f"<CdtDbtInd>{direction}</CdtDbtInd>" if direction else ""
    return f"<TxDtls><Refs>{refs}</Refs>{money}{side}{inside}</TxDtls>"
