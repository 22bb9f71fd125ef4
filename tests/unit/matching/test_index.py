"""The index of candidates finds the same whichever way it looks."""

from hypothesis import given
from hypothesis import strategies as st

from app.cash_application.matching import index as module
from app.cash_application.matching.index import ItemIndex, Numbers
from app.cash_application.matching.types import Settings
from tests.unit.matching.facts import item, payment

NUMBERS = st.text(alphabet="RE012-", min_size=4, max_size=9)


@given(st.lists(NUMBERS, min_size=1, max_size=12), st.data())
def test_keys_that_nobody_announced_are_found_all_the_same(numbers: list[str], data: st.DataObject) -> None:
    items = [item(f"i{at}", 100, number, references=(number[:-1],)) for at, number in enumerate(numbers)]
    every = ItemIndex(items, Settings())
    keys = {key for number in numbers for key in module.number_keys(number)}
    if not keys:
        return
    asked = data.draw(st.sets(st.sampled_from(sorted(keys))))
    some = ItemIndex(items, Settings(), asked=asked)
    for key in [*sorted(asked), *sorted(keys)]:  # first those announced, then also the others
        assert some.find(key, payment(100)) == every.find(key, payment(100))


@given(st.lists(NUMBERS, max_size=12), NUMBERS.map(lambda number: number.replace("-", "")[:4]))
def test_few_and_many_numbers_are_read_for_cut_ones_alike(numbers: list[str], cut: str) -> None:
    items = [item(f"i{at}", 100, number) for at, number in enumerate(numbers)]
    few, many = Numbers(items), Numbers(items)
    many.texts = many.texts + ["?"] * module.READ_THROUGH_LIMIT  # more than are read through
    few_found = (few.cut_at_end(cut), few.cut_at_start(cut))
    assert (many.cut_at_end(cut), many.cut_at_start(cut)) == few_found
