"""Files of every format, damaged at random: read or refused, never another error, and the sums always hold."""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from app.core.money import CURRENCIES
from app.integrations.bank_formats.control import control_totals
from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.identity import identify
from tests.unit.bank_formats.messages import camt, detail, entry
from tests.unit.bank_formats.test_bai2 import bai2
from tests.unit.bank_formats.test_lockbox import TWO
from tests.unit.bank_formats.test_mt940 import LINE, MT942, mt940
from tests.unit.bank_formats.test_ofx import ENTRY, sgml

RICH = detail("60.00", refs="<EndToEndId>E1</EndToEndId>", inside="<RmtInf><Ustrd>Invoice 1</Ustrd></RmtInf>")
SAMPLES = {
    "camt": camt(entry(details=RICH + detail("40.00")), entry("5", direction="DBIT"), opening="0", closing="95"),
    "mt940": mt940(LINE, ":86:166?00GUTSCHRIFT?20EREF+E1?21SVWZ+Invoice 1?31DE75512108001245126199?32Payer"),
    "mt942": MT942,
    "bai2": bai2("16,142,5000,V,240316,,BANKREF-77,CUST-1,INVOICE 4711/", "88,AND 4712/", "16,475,100,S,1,2,3,,,/"),
    "lockbox": TWO,
    "ofx": sgml(ENTRY, "<TRNTYPE>DEBIT<DTPOSTED>20240314<TRNAMT>-5<FITID>2"),
}
pieces = st.one_of(
    st.binary(max_size=3),
    st.sampled_from(
        [b"\n", b"<", b">", b"/", b",", b"-", b"0" * 30, b"9" * 30, b":61:", b"88,", b"\xff", b"&", b"\x00"]
    ),
)
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), pieces), min_size=1, max_size=4)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), edits)
def test_damage_is_read_or_refused(name: str, changes: list[tuple[float, int, bytes]]) -> None:
    data = SAMPLES[name]
    for place, length, piece in changes:
        start = int(place * len(data))
        data = data[:start] + piece + data[start + length :]
    try:
        file = parse_bank_file(data, default_currency="EUR")
    except BankFileRefused as refused:
        event(refused.reason_code)
        return
    for statement in file.statements:
        assert statement.account_identifier
        control_totals(statement)
        for identity in identify(statement):
            found = identity.entry
            assert found.amount_minor >= 0
            assert found.currency in CURRENCIES
            assert sum(t.signed_minor for t in found.transactions) == found.signed_minor
            assert len(identity.transaction_keys) == len(found.transactions) >= 1
        refused_entries = [p for p in statement.problems if p.effect == "refused"]
        assert len(refused_entries) == statement.refused_entry_count
