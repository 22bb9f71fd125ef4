from app.cash_application.matching.names import normalize_bank_identifier, normalize_name
from app.cash_application.matching.payer import AccountIndex, RunIdentities, identify_payer
from app.cash_application.matching.references import payment_tokens
from app.cash_application.matching.types import IdentityKind, PayerIdentity
from tests.unit.matching.facts import account, payment


def nats(payment_, accounts, identities=()) -> dict[str, float]:
    index = AccountIndex(accounts, identities)
    found = identify_payer(payment_, payment_tokens(payment_), index, RunIdentities())
    return {account_id: evidence.nats for account_id, evidence in found.items() if evidence.nats > 0}


def test_bank_identifier_and_name() -> None:
    known = PayerIdentity("b", IdentityKind.BANK_IDENTIFIER, normalize_bank_identifier("DE12 34"))
    found = nats(payment(1, payer_bank_identifier="de1234", payer_name="Nobody"), [account("a"), account("b")], [known])
    assert list(found) == ["b"]


def test_an_identifier_of_two_accounts_counts_half_for_each() -> None:
    value = normalize_bank_identifier("DE1234")
    both = [PayerIdentity(id, IdentityKind.BANK_IDENTIFIER, value) for id in ("a", "b")]
    found = nats(payment(1, payer_bank_identifier="DE1234"), [account("a"), account("b")], both)
    assert found["a"] == found["b"] == 4.5


def test_near_equal_names_are_two_companies() -> None:
    accounts = [account("a", "Rossi & Figli SRL"), account("b", "Rossi & Figli S.p.A.")]
    assert list(nats(payment(1, payer_name="ROSSI E FIGLI SPA"), accounts)) == ["b"]
    without_form = nats(payment(1, payer_name="Rossi Figli"), accounts)
    assert without_form["a"] == without_form["b"]
    other_form = nats(payment(1, payer_name="Rossi & Figli GmbH"), accounts)
    assert max(other_form.values()) < 2


def test_typing_errors_and_cut_names_find_the_account_unless_two_are_as_near() -> None:
    accounts = [account("a", "Internationale Handelsgesellschaft Nord GmbH"), account("b", "Alder Foods")]
    assert list(nats(payment(1, payer_name="INTERNATIONALE HANDELSGESEL"), accounts)) == ["a"]
    assert list(nats(payment(1, payer_name="Aldr Foods"), accounts)) == ["b"]
    twins = [account("a", "Alder Foods 1"), account("b", "Alder Foods 2")]
    assert nats(payment(1, payer_name="Alder Foods 3"), twins) == {}


def test_on_behalf_of_names_the_principal() -> None:
    accounts = [account("a", "Alder Foods AG"), account("b", "Birch Ltd")]
    assert list(nats(payment(1, payer_name="Paymaster SA on behalf of Alder Foods AG"), accounts)) == ["a"]
    assert list(nats(payment(1, payer_name="X", ultimate_payer_name="Birch Ltd"), accounts)) == ["b"]


def test_the_account_number_in_the_text() -> None:
    found = nats(payment(1, "Kunde 70123 Rechnung"), [account("a", number="70123"), account("b", number="701234")])
    assert list(found) == ["a"]


def test_group_members_count_a_little() -> None:
    accounts = [account("a", parent="c"), account("b", parent="c"), account("c")]
    found = nats(payment(1, payer_name="Company a"), accounts)
    assert found["a"] > found["b"] == found["c"] > 0


def test_a_circle_of_parents_ends() -> None:
    index = AccountIndex([account("a", parent="b"), account("b", parent="a")], ())
    assert index.root("a") in ("a", "b")


def test_a_given_account_decides() -> None:
    accounts = [account("a"), account("b")]
    assert list(nats(payment(1, payer_name="Company b", account="a"), accounts)) == ["a"]


def test_what_the_run_shows_never_counts_for_the_payment_that_showed_it() -> None:
    shown = RunIdentities()
    shown.learn(payment(1, id="p1", payer_name="Alias"), "a")
    value = normalize_name("Alias")
    assert shown.strengths(IdentityKind.PAYER_NAME, value, "p1") == {}
    assert shown.strengths(IdentityKind.PAYER_NAME, value, "p2")["a"] > 0.6
