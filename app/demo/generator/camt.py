"""A statement as ISO 20022 camt.053.001.08, written as text: element order and names as in the message definition.

The bank reference stands once: at the entry when it has one transaction, at each transaction in a batch.
"""

from __future__ import annotations

from datetime import date, timedelta
from xml.sax.saxutils import escape

from app.core import money
from app.demo.generator.company import ENTITIES, OwnBankAccount
from app.demo.generator.identifiers import is_iban
from app.demo.generator.statements import Entry, Statement
from app.demo.generator.transactions import Category, Transaction

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_OWNER = {entity.code: entity.name for entity in ENTITIES}


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def _amount(name: str, minor: int, currency: str) -> str:
    return f'<{name} Ccy="{currency}">{money.to_text(minor, currency)}</{name}>'


def _sign(credit: bool) -> str:
    return f"<CdtDbtInd>{'CRDT' if credit else 'DBIT'}</CdtDbtInd>"


def _account_id(identifier: str) -> str:
    if is_iban(identifier):
        return f"<Id><IBAN>{identifier}</IBAN></Id>"
    return f"<Id><Othr><Id>{identifier}</Id></Othr></Id>"


def _bank_code(transaction: Transaction) -> str:
    domain, family, sub_family = transaction.bank_code
    inside = f"<Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub_family}</SubFmlyCd></Fmly>"
    return f"<BkTxCd><Domn>{inside}</Domn></BkTxCd>"


def _balance(code: str, minor: int, own: OwnBankAccount, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount('Amt', abs(minor), own.currency)}"
        f"{_sign(minor >= 0)}<Dt><Dt>{day}</Dt></Dt></Bal>\n"
    )


def _summary(statement: Statement) -> str:
    """Control totals of the statement: number and sum of entries, of credits and of debits."""
    currency = statement.own.currency
    credits = [entry.amount for entry in statement.entries if entry.first.credit]
    debits = [entry.amount for entry in statement.entries if not entry.first.credit]
    net = sum(credits) - sum(debits)

    def sums(name: str, amounts: list[int], extra: str = "") -> str:
        total = money.to_text(sum(amounts), currency)
        return f"<{name}><NbOfNtries>{len(amounts)}</NbOfNtries><Sum>{total}</Sum>{extra}</{name}>"

    total = f"<TtlNetNtry><Amt>{money.to_text(abs(net), currency)}</Amt>{_sign(net >= 0)}</TtlNetNtry>"
    return (
        f"<TxsSummry>{sums('TtlNtries', credits + debits, total)}{sums('TtlCdtNtries', credits)}"
        f"{sums('TtlDbtNtries', debits)}</TxsSummry>\n"
    )


def _references(transaction: Transaction, in_batch: bool) -> str:
    end_to_end = transaction.end_to_end or ("" if transaction.cheque else "NOTPROVIDED")
    return (
        f"<Refs>{_tag('AcctSvcrRef', transaction.reference if in_batch else '')}{_tag('EndToEndId', end_to_end)}"
        f"{_tag('MndtId', transaction.mandate)}{_tag('ChqNb', transaction.cheque)}</Refs>"
    )


def _parties(transaction: Transaction) -> str:
    """The other side: debtor of a credit, creditor of a debit. A returned receipt keeps its debtor."""
    role = "Dbtr" if transaction.credit or transaction.category is Category.RETURN else "Cdtr"
    name = transaction.payer_name[:140]
    party = f"<{role}><Pty>{_tag('Nm', name)}</Pty></{role}>" if name else ""
    identifier = transaction.payer_identifier
    account = f"<{role}Acct>{_account_id(identifier)}</{role}Acct>" if identifier else ""
    ultimate = transaction.ultimate_name
    if ultimate:
        account += f"<UltmtDbtr><Pty>{_tag('Nm', ultimate)}</Pty></UltmtDbtr>"
    inside = party + account
    return f"<RltdPties>{inside}</RltdPties>" if inside else ""


def _remittance(transaction: Transaction) -> str:
    currency = transaction.own.currency
    inside = "".join(_tag("Ustrd", text) for text in transaction.text)
    for kind, number, minor in transaction.named_documents:
        amount = _amount("CdtNoteAmt" if kind == "CREN" else "RmtdAmt", minor, currency)
        inside += (
            f"<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_tag('Nb', number)}</RfrdDocInf>"
            f"<RfrdDocAmt>{amount}</RfrdDocAmt></Strd>"
        )
    if transaction.creditor_reference:
        inside += (
            "<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp>"
            f"{_tag('Ref', transaction.creditor_reference)}</CdtrRefInf></Strd>"
        )
    return f"<RmtInf>{inside}</RmtInf>" if inside else ""


def _details(transaction: Transaction, in_batch: bool) -> str:
    """One `TxDtls`."""
    currency = transaction.own.currency
    charges = ""
    if transaction.charges:
        record = (
            f"<Rcrd>{_amount('Amt', transaction.charges, currency)}{_sign(False)}<ChrgInclInd>true</ChrgInclInd></Rcrd>"
        )
        charges = f"<Chrgs>{record}</Chrgs>"
    reason = transaction.return_reason
    returned = f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>" if reason and not transaction.as_reversal else ""
    amount = _amount("Amt", transaction.amount, currency) + _sign(transaction.credit)
    return (
        f"<TxDtls>{_references(transaction, in_batch)}{amount}{charges}{_parties(transaction)}"
        f"{_remittance(transaction)}{returned}</TxDtls>"
    )


def _entry(entry: Entry) -> str:
    first = entry.first
    in_batch = len(entry.transactions) > 1
    batch = ""
    if in_batch:
        total = _amount("TtlAmt", entry.amount, first.own.currency)
        batch = f"<Btch><NbOfTxs>{len(entry.transactions)}</NbOfTxs>{total}{_sign(first.credit)}</Btch>"
    details = "".join(_details(transaction, in_batch) for transaction in entry.transactions)
    reversal = "<RvslInd>true</RvslInd>" if first.as_reversal else ""
    return (
        f"<Ntry>{_amount('Amt', entry.amount, first.own.currency)}{_sign(first.credit)}{reversal}"
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{first.booking}</Dt></BookgDt><ValDt><Dt>{first.value}</Dt></ValDt>"
        f"<AcctSvcrRef>{entry.reference}</AcctSvcrRef>{_bank_code(first)}"
        f"<NtryDtls>{batch}{details}</NtryDtls>{_tag('AddtlNtryInf', first.information)}</Ntry>\n"
    )


def statement_xml(statement: Statement) -> str:
    """The whole document. Times are those of the booking day's end, never of a clock."""
    own = statement.own
    created = f"{statement.last_day + timedelta(days=1)}T04:30:00Z"
    identity = f"{own.prefix}{statement.last_day:%Y%m%d}{statement.sequence:05d}"
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>{identity}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\n"
        f"<Stmt><Id>{identity}</Id><ElctrncSeqNb>{statement.sequence}</ElctrncSeqNb>"
        f"<LglSeqNb>{statement.sequence}</LglSeqNb><CreDtTm>{created}</CreDtTm>"
        f"<FrToDt><FrDtTm>{statement.first_day}T00:00:00Z</FrDtTm><ToDtTm>{statement.last_day}T23:59:59Z</ToDtTm></FrToDt>"
        f"<Acct>{_account_id(own.identifier)}<Ccy>{own.currency}</Ccy><Ownr>{_tag('Nm', _OWNER[own.entity])}</Ownr>"
        f"<Svcr><FinInstnId><BICFI>{own.bic}</BICFI></FinInstnId></Svcr></Acct>\n"
    )
    body = [
        head,
        _balance("OPBD", statement.opening, own, statement.first_day),
        _balance("CLBD", statement.closing, own, statement.last_day),
        _summary(statement),
    ]
    body.extend(_entry(entry) for entry in statement.entries)
    body.append("</Stmt></BkToCstmrStmt></Document>\n")
    return "".join(body)
