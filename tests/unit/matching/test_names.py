import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cash_application.matching.names import (
    is_cut_of,
    loose_name,
    name_forms,
    name_parts,
    normalize_bank_identifier,
    normalize_name,
    similarity,
)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Müller GmbH", "MUELLER GMBH"),
        ("Müller GmbH", "Muller Gmbh"),
        ("Rossi & Figli S.p.A.", "ROSSI E FIGLI SPA"),
        ("Straße AG", "STRASSE AG"),
        ("Santos  Comércio,  Lda.", "santos comercio lda"),
    ],
)
def test_one_strict_form(left: str, right: str) -> None:
    assert normalize_name(left) == normalize_name(right)


def test_the_legal_form_tells_companies_apart_in_the_strict_form_only() -> None:
    assert normalize_name("Rossi & Figli SRL") != normalize_name("Rossi & Figli SpA")
    assert loose_name("Rossi & Figli SRL") == loose_name("Figli Rossi S.p.A.")
    assert loose_name("S.A.R.L.") == ""


def test_the_principal_stands_first() -> None:
    assert name_parts("Paymaster Ltd ON BEHALF OF Alder Foods AG") == ("Alder Foods AG", "Paymaster Ltd")
    assert name_parts("Alder Foods AG") == ("Alder Foods AG",)
    assert name_parts("  ") == ()


def test_cut_names() -> None:
    whole = normalize_name("Internationale Handelsgesellschaft Nord GmbH")
    assert is_cut_of(normalize_name("INTERNATIONALE HANDELSGESEL"), whole)
    assert not is_cut_of(whole, whole)
    assert not is_cut_of("inter", whole)


def test_bank_identifiers() -> None:
    assert normalize_bank_identifier("de12 3456-7890") == "DE1234567890"
    assert normalize_bank_identifier("000123 456") == "123456"


def test_similarity() -> None:
    assert similarity("Aldr Foods GmbH", "Alder Foods GmbH") > 0.9
    assert similarity("Foods Alder GmbH", "Alder Foods GmbH") == pytest.approx(1.0)
    assert similarity("Zhao Ltd", "Alder Foods GmbH") < 0.5
    assert similarity("GmbH", "Alder Foods GmbH") == 0.0


WORDS = st.sampled_from(
    [
        "Müller",
        "MUELLER",
        "G.m.b.H.",
        "S. p. A.",
        "& Co.",
        "and",
        "ltd.",
        "a\nb",
        "x_y",
        ".",
        "ae\u0301",
        "İ",
        "株式会社",
    ]
)
NAMES = st.one_of(st.lists(WORDS, max_size=5).map(" ".join), st.text(alphabet="aeou .,-_\n\tÄüß&B", max_size=40))


@given(st.lists(NAMES, max_size=8))
def test_many_names_together_have_the_forms_of_each(names: list[str]) -> None:
    assert name_forms(names) == [(normalize_name(name), loose_name(name)) for name in names]


def test_a_name_past_the_limit_is_cut_before_it_is_read() -> None:
    long = "Agrarwerk " * 40
    assert name_forms([long, "Kurz AG"]) == [(normalize_name(long), loose_name(long)), ("kurz ag", "kurz")]
