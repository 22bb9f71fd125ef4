"""Data made to mislead, and inputs made to take long: the engine abstains, and in time."""

import sys
from collections import Counter
from types import FrameType

import pytest

from app.cash_application.benchmark_lookalikes import lookalike_run
from app.cash_application.benchmark_synthetic import misleading_run
from app.cash_application.matching.engine import match
from app.cash_application.matching.types import Band, PaymentFacts
from tests.unit.matching.facts import account, item, payment

ITEMS = 5_000
CALLS_LIMIT = 400_000  # of functions, a fraction of a second: time itself depends on what else the machine does


def test_look_alikes_are_not_applied() -> None:
    automatic = right = payments = 0
    for seed in (7_001, 7_002, 7_003):
        run = misleading_run(seed, payments=500, invoices=1_800)
        for facts, found in zip(run.payments, match(run.payments, run.items, run.accounts), strict=True):
            payments += 1
            if found.band is Band.AUTOMATIC:
                automatic += 1
                right += {part.item_id for part in found.allocations} == run.truth[facts.id]
    assert right / automatic >= 0.998
    assert automatic / payments >= 0.65


@pytest.mark.parametrize(
    ("amounts", "facts"),
    [
        ([10_000] * ITEMS, payment(10_000, account="a")),
        ([10_000] * ITEMS, payment(70_000, account="a")),
        ([10_000] * ITEMS, payment(30_000, "INV000017 INV00018 INV0O0O19 12345678", account="a")),
        ([10_000 + 5_000 * (n % 2) for n in range(ITEMS)], payment(45_000, account="a")),
        ([2 ** (n % 20) * 100 for n in range(ITEMS)], payment(1_234_567, account="a")),
        (
            [9_900 + n % 97 for n in range(ITEMS)],
            payment(59_555, " ".join(f"9{n:05d}" for n in range(99)), account="a"),
        ),
    ],
)
def test_many_items_of_equal_amounts_end_in_time_without_an_answer(amounts: list[int], facts: PaymentFacts) -> None:
    items = [item(f"i{n}", minor, f"INV{n:06d}", issued=-90 + n % 80, due=n % 60) for n, minor in enumerate(amounts)]
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        (found,) = match([facts], items, [account()])
    finally:
        sys.setprofile(None)
    assert found.band is not Band.AUTOMATIC
    assert calls < CALLS_LIMIT


UNDECIDABLE = {
    "names what is settled",
    "paid twice",
    "inside a longer number",
    "telephone, date, amount, IBAN",
    "two sets of one sum",
    "part, another has just this amount",
}


def test_traps_of_every_kind_are_not_stepped_into() -> None:
    automatic, wrong, decided, count = 0, [], Counter(), Counter()
    for seed in (2, 10, 17, 24, 45):
        run = lookalike_run(seed, payments=160)
        for facts, found in zip(run.payments, match(run.payments, run.items, run.accounts), strict=True):
            kind = run.categories[facts.id]
            count[kind] += 1
            if found.band is Band.AUTOMATIC:
                automatic += 1
                decided[kind] += 1
                if {part.item_id for part in found.allocations} != run.truth[facts.id]:
                    wrong.append((seed, kind, facts.remittance_text))
    assert len(wrong) <= automatic * 0.005, wrong
    for kind in ("damaged", "neighbour of the same amount", "credit netted", "names more than it pays", "first of two"):
        assert decided[kind] >= 0.9 * count[kind], kind
    for kind in UNDECIDABLE:
        assert decided[kind] <= 0.1 * count[kind], kind
