"""Every feature of camt messages that money or matching depends on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.core.money import Money
from app.integrations.bank_formats.control import control_totals
from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.records import Effect, Entry, EntryStatus, Statement
from tests.unit.bank_formats.messages import IBAN, camt, detail, entry


def statement(*entries: str, **options: str) -> Statement:
    return parse_bank_file(camt(*entries, **options)).statements[0]


def only_entry(text: str, **options: str) -> Entry:
    (found,) = statement(text, **options).entries
    return found


def codes(found: Statement | Entry) -> set[str]:
    return {problem.code for problem in found.problems}


class TestStatement:
    def test_header_account_balances_and_number(self) -> None:
        file = parse_bank_file(camt(entry("8.85"), opening="-18.15", closing="-9.30"))
        (found,) = file.statements
        assert (file.format, file.version, file.message_id) == ("camt.053", "001.08", "MSG-1")
        assert file.created_at == "2024-03-14T18:00:00"
        assert (found.statement_id, found.account_identifier, found.is_iban) == ("ST-1", IBAN, True)
        assert (found.account_currency, found.sequence) == ("EUR", 52)
        assert found.opening is not None
        assert found.closing is not None
        assert (found.opening.minor, found.opening.on) == (-1815, date(2024, 3, 13))
        assert (found.closing.minor, found.closing.on) == (-930, date(2024, 3, 14))
        assert control_totals(found).holds is True

    @pytest.mark.parametrize("message", ["052", "053", "054"])
    @pytest.mark.parametrize("version", ["001.02", "001.04", "001.06", "001.08", "001.10", "001.13"])
    def test_every_message_and_version(self, message: str, version: str) -> None:
        file = parse_bank_file(camt(entry(), message=message, version=version))
        assert (file.format, file.version) == (f"camt.{message}", version)
        assert file.statements[0].entries[0].signed_minor == 100_00

    def test_without_namespace_and_with_prefix(self) -> None:
        plain = camt(entry()).replace(b' xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"', b"")
        assert parse_bank_file(plain).version is None
        prefixed = b'<n:Document xmlns:n="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">'
        body = plain.split(b"<Document>")[1].replace(b"</", b"</n:").replace(b"<", b"<n:").replace(b"<n:/n:", b"</n:")
        file = parse_bank_file(prefixed + body)
        assert file.version == "001.02"
        assert file.statements[0].entries[0].amount_minor == 100_00

    def test_inside_an_envelope(self) -> None:
        inner = camt(entry()).split(b"?>", 1)[1]
        file = parse_bank_file(b"<Envelope><AppHdr><BizMsgIdr>X</BizMsgIdr></AppHdr>" + inner + b"</Envelope>")
        assert len(file.statements[0].entries) == 1

    def test_several_statements_do_not_mix(self) -> None:
        one = camt(entry("1.00"), entry("0.001"), opening="0", closing="1.00")
        start, end = one.index(b"<Stmt>"), one.index(b"</Stmt>") + len(b"</Stmt>")
        second = one[start:end].replace(b"ST-1", b"ST-2").replace(b"<ElctrncSeqNb>52", b"<ElctrncSeqNb>53")
        file = parse_bank_file(one[:end] + second + one[end:])
        assert [found.statement_id for found in file.statements] == ["ST-1", "ST-2"]
        assert [found.sequence for found in file.statements] == [52, 53]
        assert [[e.ordinal for e in found.entries] for found in file.statements] == [[1], [1]]
        assert [found.refused_entry_count for found in file.statements] == [1, 1]
        assert [found.problems[0].where for found in file.statements] == ["entry 2", "entry 2"]

    def test_account_without_iban_and_currency_from_balance(self) -> None:
        account = "<Acct><Id><Othr><Id>6012 / 88</Id></Othr></Id></Acct>"
        found = statement(entry(currency="SEK"), account=account, currency="SEK", opening="0", closing="100")
        assert (found.account_identifier, found.is_iban, found.account_currency) == ("6012 / 88", False, "SEK")

    def test_default_currency_only_when_nothing_names_one(self) -> None:
        account = f"<Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>"
        empty = camt(account=account)
        assert parse_bank_file(empty, default_currency="USD").statements[0].account_currency == "USD"
        nothing = parse_bank_file(empty).statements[0]
        assert (nothing.account_currency, codes(nothing)) == ("XXX", {"statement.currency_missing"})
        named = parse_bank_file(camt(entry(), account=account), default_currency="USD").statements[0]
        assert named.account_currency == "EUR"

    def test_difference_to_the_balances_is_shown_not_hidden(self) -> None:
        found = statement(entry("8.85"), opening="18.15", closing="27.05")
        totals = control_totals(found)
        assert (totals.difference_minor, totals.holds) == (5, False)
        assert "statement.control_total_differs" in codes(found)

    @pytest.mark.parametrize(
        ("summary", "code"),
        [
            ("<TtlNtries><NbOfNtries>3</NbOfNtries><Sum>112.00</Sum></TtlNtries>", None),
            ("<TtlCdtNtries><NbOfNtries>2</NbOfNtries><Sum>107</Sum></TtlCdtNtries>", None),
            ("<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>5.00</Sum></TtlDbtNtries>", None),
            ("<TtlNtries><NbOfNtries>4</NbOfNtries></TtlNtries>", "statement.count_differs"),
            ("<TtlCdtNtries><Sum>107.01</Sum></TtlCdtNtries>", "statement.sum_differs"),
            ("<TtlDbtNtries><Sum>x</Sum></TtlDbtNtries>", "statement.amount_invalid"),
        ],
    )
    def test_the_summary_of_the_statement_is_checked(self, summary: str, code: str | None) -> None:
        entries = (entry("100.00"), entry("7.00"), entry("5.00", direction="DBIT"))
        found = statement(*entries, statement=f"<TxsSummry>{summary}</TxsSummry>")
        assert codes(found) == ({code} if code else set())

    def test_a_currency_that_is_none_is_told_and_taken_from_the_entries(self) -> None:
        account = f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EURO</Ccy></Acct>"
        found = statement(entry(), account=account)
        assert found.account_currency == "EUR"
        assert codes(found) == {"statement.currency_unknown"}

    def test_pending_entries_are_not_in_the_totals(self) -> None:
        pending = entry("50.00", status="<Sts>PDNG</Sts>")
        assert control_totals(statement(entry("8.85"), pending, opening="0", closing="8.85")).holds is True

    def test_balance_without_direction_is_taken_as_credit_and_told(self) -> None:
        text = camt(entry("1.00"), opening="0", closing="1.00").replace(
            b'<Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>', b'<Amt Ccy="EUR">1.00</Amt><Dt>'
        )
        found = parse_bank_file(text).statements[0]
        assert found.closing is not None
        assert found.closing.minor == 100
        assert "balance.direction_missing" in codes(found)

    def test_previous_closing_serves_as_opening_and_interim_on_pages(self) -> None:
        text = camt(entry("1.00"), opening="2.00", closing="3.00")
        previous = parse_bank_file(text.replace(b"OPBD", b"PRCD")).statements[0]
        assert previous.opening is not None
        assert previous.opening.minor == 200
        page = parse_bank_file(text.replace(b"OPBD", b"ITBD").replace(b"CLBD", b"ITBD")).statements[0]
        assert page.opening is not None
        assert page.closing is not None
        assert (page.opening.minor, page.closing.minor) == (200, 300)
        one_only = parse_bank_file(camt(entry("1.00"), closing="3.00").replace(b"CLBD", b"ITBD")).statements[0]
        assert one_only.opening is None


class TestEntry:
    def test_direction_dates_and_references(self) -> None:
        found = only_entry(
            entry(
                "1234.5",
                direction="DBIT",
                before="<NtryRef>N-7</NtryRef>",
                after="<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>"
                "<Prtry><Cd>166</Cd></Prtry></BkTxCd>",
            )
        )
        assert (found.amount_minor, found.is_credit, found.signed_minor) == (123450, False, -123450)
        assert (found.booking_date, found.value_date) == (date(2024, 3, 14), date(2024, 3, 15))
        assert found.payment_date == date(2024, 3, 15)
        assert (found.bank_reference, found.entry_reference) == ("BANK-REF-0001", "N-7")
        assert (found.bank_transaction_code, found.proprietary_code) == ("PMNT-RCDT-ESCT", "166")
        assert [t.signed_minor for t in found.transactions] == [-123450]

    @pytest.mark.parametrize("direction", ["CRDT", "DBIT"])
    def test_a_reversal_keeps_the_direction_of_its_own_booking(self, direction: str) -> None:
        found = only_entry(entry("5.00", direction=direction, before="<RvslInd>true</RvslInd>"))
        assert found.is_reversal
        assert found.is_credit is (direction == "CRDT")

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            ("<Sts>BOOK</Sts>", EntryStatus.BOOKED),
            ("<Sts><Cd>PDNG</Cd></Sts>", EntryStatus.PENDING),
            ("<Sts><Cd>FUTR</Cd></Sts>", EntryStatus.PENDING),
            ("<Sts>INFO</Sts>", EntryStatus.INFO),
            ("<Sts><Prtry>ODD</Prtry></Sts>", EntryStatus.INFO),
        ],
    )
    def test_status_of_old_and_new_versions(self, status: str, expected: EntryStatus) -> None:
        assert only_entry(entry(status=status)).status is expected

    def test_missing_status_is_booked_only_in_a_statement(self) -> None:
        assert only_entry(entry(status="")).status is EntryStatus.BOOKED
        assert only_entry(entry(status=""), message="054").status is EntryStatus.INFO

    def test_surplus_decimals_pass_only_when_zero(self) -> None:
        found = statement(entry("8.85000"), entry("8.85001"))
        assert [e.amount_minor for e in found.entries] == [885]
        (problem,) = [p for p in found.problems if p.effect is Effect.REFUSED]
        assert (problem.where, problem.code) == ("entry 2", "entry.amount_invalid")
        assert found.refused_entry_count == 1

    @pytest.mark.parametrize(("currency", "text", "minor"), [("JPY", "1200", 1200), ("KWD", "1.234", 1234)])
    def test_decimals_of_the_currency(self, currency: str, text: str, minor: int) -> None:
        assert only_entry(entry(text, currency=currency)).amount_minor == minor

    @pytest.mark.parametrize("text", ["-5.00", "1,50", "1e3", "NaN", "", "٣", "1 000.00", "9" * 30])
    def test_what_is_no_amount_refuses_the_entry(self, text: str) -> None:
        found = statement(entry(text), entry("1.00"))
        assert [e.amount_minor for e in found.entries] == [100]
        assert found.refused_entry_count == 1

    @pytest.mark.parametrize("text", ["+5.00", "5.", "05.00", "5"])
    def test_other_writings_of_a_decimal(self, text: str) -> None:
        assert only_entry(entry(text)).amount_minor == 500

    @pytest.mark.parametrize("bad", [entry(direction=None), entry(direction="BOTH"), entry(currency="XYZ")])
    def test_no_direction_or_currency_is_guessed(self, bad: str) -> None:
        found = statement(bad)
        assert found.entries == ()
        assert found.problems[0].effect is Effect.REFUSED

    def test_no_date_at_all_holds_the_entry(self) -> None:
        found = only_entry(entry(booked=None, valued=None))
        assert found.payment_date is None
        assert found.held_reason is not None
        assert found.held_reason.code == "entry.date_missing"

    @pytest.mark.parametrize("bad", ["2023-02-30", "0001-01-01", "14.03.2024", "20240314"])
    def test_a_date_that_is_none_is_never_replaced_silently(self, bad: str) -> None:
        found = only_entry(entry(valued=bad))
        assert (found.value_date, found.payment_date) == (None, date(2024, 3, 14))
        assert "entry.date_invalid" in codes(found)
        assert found.held_reason is None
        assert only_entry(entry(valued=bad, booked=bad)).held_reason is not None

    def test_date_times_give_the_date_as_written(self) -> None:
        text = entry(booked=None, after="<BookgDt><DtTm>2024-03-14T00:30:00+02:00</DtTm></BookgDt>")
        assert only_entry(text).booking_date == date(2024, 3, 14)

    def test_foreign_currency_entry_is_told(self) -> None:
        found = statement(entry(currency="USD"), opening="0", closing="1")
        assert "entry.currency_differs" in codes(found)
        assert control_totals(found).holds is None

    def test_charges_of_both_shapes(self) -> None:
        old = '<Chrgs><Amt Ccy="EUR">1.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Br>SHAR</Br></Chrgs>'
        new = (
            '<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">2.00</TtlChrgsAndTaxAmt><Rcrd><Amt Ccy="EUR">2.00</Amt>'
            "<ChrgInclInd>true</ChrgInclInd></Rcrd></Chrgs>"
        )
        found = only_entry(entry(after=old + new))
        assert [(c.amount.minor, c.is_credit, c.is_included, c.bearer) for c in found.charges] == [
            (150, False, None, "SHAR"),
            (200, False, True, None),
        ]


class TestTransaction:
    def test_references_and_parties(self) -> None:
        refs = (
            "<MsgId>M</MsgId><AcctSvcrRef>TX-REF</AcctSvcrRef><PmtInfId>P</PmtInfId><InstrId>I</InstrId>"
            "<EndToEndId>E2E-9</EndToEndId><TxId>T</TxId><MndtId>MD</MndtId><ChqNb>77</ChqNb>"
            "<Prtry><Tp>CASE</Tp><Ref>C-1</Ref></Prtry>"
        )
        inside = (
            "<RltdPties><Dbtr><Nm>Nordwind Handels GmbH</Nm><PstlAdr><Ctry>DE</Ctry></PstlAdr>"
            "<Id><OrgId><AnyBIC>ABCDDEFF</AnyBIC><Othr><Id>HRB 1</Id></Othr></OrgId></Id></Dbtr>"
            "<DbtrAcct><Id><IBAN>DE75 5121 0800 1245 1261 99</IBAN></Id></DbtrAcct>"
            "<UltmtDbtr><Nm>Filiale Kiel</Nm></UltmtDbtr><Cdtr><Nm>We</Nm></Cdtr></RltdPties>"
            "<RltdAgts><DbtrAgt><FinInstnId><BICFI>SOGEDEFF</BICFI></FinInstnId></DbtrAgt></RltdAgts>"
            "<Purp><Cd>GDDS</Cd></Purp>"
        )
        (found,) = only_entry(entry(details=detail("100.00", refs=refs, inside=inside))).transactions
        assert (found.references.bank_reference, found.end_to_end_id) == ("TX-REF", "E2E-9")
        assert (found.references.transaction_id, found.references.mandate_id) == ("T", "MD")
        assert (found.references.cheque_number, found.references.other) == ("77", (("CASE", "C-1"),))
        assert (found.payer.name, found.payer.ultimate_name) == ("Nordwind Handels GmbH", "Filiale Kiel")
        assert (found.payer.account, found.payer.is_iban, found.payer.bank) == (IBAN, True, "SOGEDEFF")
        assert (found.payer.identifiers, found.payer.country) == (("ABCDDEFF", "HRB 1"), "DE")
        assert (found.payee.name, found.purpose) == ("We", "GDDS")

    def test_parties_from_version_eight_on(self) -> None:
        inside = (
            "<RltdPties><Dbtr><Pty><Nm>Aurora AB</Nm></Pty></Dbtr><UltmtDbtr><Pty><Nm>Borealis</Nm></Pty></UltmtDbtr>"
            "<DbtrAcct><Id><Othr><Id>5012-3</Id></Othr></Id></DbtrAcct></RltdPties>"
        )
        (found,) = only_entry(entry(details=detail(inside=inside))).transactions
        assert (found.payer.name, found.payer.ultimate_name) == ("Aurora AB", "Borealis")
        assert (found.payer.account, found.payer.is_iban) == ("5012-3", False)

    def test_identity_numbers_of_persons_are_not_kept(self) -> None:
        inside = (
            "<RltdPties><Dbtr><Nm>A Person</Nm><Id><PrvtId><Othr><Id>19121212-1212</Id></Othr></PrvtId></Id>"
            "</Dbtr></RltdPties>"
        )
        (found,) = only_entry(entry(details=detail(inside=inside))).transactions
        assert found.payer.identifiers == ()

    @pytest.mark.parametrize("text", ["NOTPROVIDED", "notprovided", "NONREF", "0000", " ", "-"])
    def test_references_that_say_none(self, text: str) -> None:
        found = only_entry(entry(reference=text, details=detail(refs=f"<EndToEndId>{text}</EndToEndId>")))
        assert found.bank_reference is None
        assert found.transactions[0].end_to_end_id is None

    def test_remittance_free_and_structured(self) -> None:
        inside = (
            "<RmtInf><Ustrd>Invoice  4711\n and 4712</Ustrd><Ustrd>thanks</Ustrd>"
            "<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry><Issr>ISO</Issr></Tp>"
            "<Ref>RF18539007547034</Ref></CdtrRefInf><AddtlRmtInf>see mail</AddtlRmtInf></Strd>"
            "<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp><Nb>4711</Nb><RltdDt>2024-02-01</RltdDt>"
            "</RfrdDocInf><RfrdDocInf><Tp><CdOrPrtry><Cd>CREN</Cd></CdOrPrtry></Tp><Nb>88</Nb>"
            "<RltdDt><Tp><Cd>IADT</Cd></Tp><Dt>2024-02-02</Dt></RltdDt></RfrdDocInf>"
            '<RfrdDocAmt><DuePyblAmt Ccy="EUR">110</DuePyblAmt>'
            '<DscntApldAmt><Tp><Cd>APDS</Cd></Tp><Amt Ccy="EUR">2.00</Amt></DscntApldAmt>'
            '<DscntApldAmt><Amt Ccy="EUR">0.20</Amt></DscntApldAmt>'
            '<CdtNoteAmt Ccy="EUR">7.80</CdtNoteAmt>'
            '<AdjstmntAmtAndRsn><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Rsn>FRT</Rsn>'
            "<AddtlInf>freight</AddtlInf></AdjstmntAmtAndRsn>"
            '<RmtdAmt Ccy="EUR">100.00</RmtdAmt></RfrdDocAmt></Strd></RmtInf><AddtlTxInf>SEPA</AddtlTxInf>'
        )
        (found,) = only_entry(entry(details=detail("100.00", inside=inside))).transactions
        assert found.unstructured == ("Invoice 4711 and 4712", "thanks")
        (reference,) = found.creditor_references
        assert (reference.value, reference.kind, reference.issuer) == ("RF18539007547034", "SCOR", "ISO")
        assert [(d.number, d.kind, d.on) for d in found.documents] == [
            ("4711", "CINV", date(2024, 2, 1)),
            ("88", "CREN", date(2024, 2, 2)),
        ]
        block = found.structured[1]
        assert block.due_payable == Money(11000, "EUR")
        assert block.discount == Money(220, "EUR")
        assert block.credit_note == Money(780, "EUR")
        assert block.remitted == Money(10000, "EUR")
        (deduction,) = block.deductions
        assert (deduction.amount.minor, deduction.is_credit, deduction.reason) == (100, False, "FRT")
        assert found.remittance_text == "Invoice 4711 and 4712\nthanks\nsee mail\nSEPA"

    def test_discount_amount_of_version_two(self) -> None:
        inside = '<RmtInf><Strd><RfrdDocAmt><DscntApldAmt Ccy="EUR">2.00</DscntApldAmt></RfrdDocAmt></Strd></RmtInf>'
        (found,) = only_entry(entry(details=detail(inside=inside))).transactions
        assert found.structured[0].discount == Money(200, "EUR")

    def test_return_with_reason(self) -> None:
        inside = (
            "<RtrInf><OrgnlBkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>"
            "</OrgnlBkTxCd><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>ACCOUNT</AddtlInf><AddtlInf>CLOSED</AddtlInf></RtrInf>"
        )
        found = only_entry(entry(direction="DBIT", details=detail("100.00", inside=inside)))
        returned = found.transactions[0].returned
        assert returned is not None
        assert (returned.reason, returned.detail) == ("AC04", "ACCOUNT CLOSED")
        assert returned.original_code == "PMNT-ICDT-ESCT"
        assert found.signed_minor == -100_00

    def test_exchange_of_transaction_and_of_entry(self) -> None:
        amounts = (
            '<AmtDtls><InstdAmt><Amt Ccy="USD">110.00</Amt></InstdAmt><CntrValAmt><Amt Ccy="EUR">100.00</Amt>'
            "<CcyXchg><SrcCcy>USD</SrcCcy><TrgtCcy>EUR</TrgtCcy><XchgRate>0.9091</XchgRate></CcyXchg></CntrValAmt></AmtDtls>"
        )
        inner = only_entry(entry(details=detail("100.00", inside=amounts))).transactions[0]
        outer = only_entry(entry(after=amounts)).transactions[0]
        for found in (inner, outer):
            assert found.instructed == Money(11000, "USD")
            assert found.counter_value == Money(10000, "EUR")
            assert found.exchange is not None
            assert found.exchange.rate == Decimal("0.9091")
            assert (found.exchange.source_currency, found.exchange.target_currency) == ("USD", "EUR")

    def test_additional_entry_information_reaches_the_only_transaction(self) -> None:
        found = only_entry(entry(after="<AddtlNtryInf>RG 2024-118</AddtlNtryInf>"))
        assert found.transactions[0].remittance_text == "RG 2024-118"

    def test_an_unusable_amount_inside_is_left_out_and_told(self) -> None:
        inside = '<AmtDtls><InstdAmt><Amt Ccy="USD">1.001</Amt></InstdAmt></AmtDtls>'
        found = only_entry(entry(details=detail(inside=inside)))
        assert found.transactions[0].instructed is None
        assert "transaction.amount_invalid" in codes(found)
        assert found.amount_minor == 100_00


class TestVersionOne:
    def test_names_of_the_first_version(self) -> None:
        text = camt(
            entry(details=None or "").replace(
                "</Ntry>",
                "<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs><RmtInf><Strd><RfrdDocInf><RfrdDocTp><Cd>CINV</Cd>"
                "</RfrdDocTp><RfrdDocNb>4711</RfrdDocNb></RfrdDocInf><CdtrRefInf><CdtrRefTp><Cd>SCOR</Cd></CdtrRefTp>"
                "<CdtrRef>RF18539007547034</CdtrRef></CdtrRefInf></Strd></RmtInf></TxDtls></Ntry>",
            ),
            version="001.01",
            opening="0",
            closing="100",
        )
        text = text.replace(b"<Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp>", b"<Tp><Cd>OPBD</Cd></Tp>")
        text = text.replace(b"BkToCstmrStmt>", b"BkToCstmrStmtV01>")
        file = parse_bank_file(text)
        (found,) = file.statements
        assert (file.format, file.version) == ("camt.053", "001.01")
        assert control_totals(found).holds is True
        (transaction,) = found.entries[0].transactions
        assert transaction.end_to_end_id == "E1"
        assert transaction.documents[0].number == "4711"
        assert transaction.creditor_references[0].value == "RF18539007547034"
