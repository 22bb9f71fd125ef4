"""The one entry of the engine: all payments of a run together, one proposal for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.cash_application.matching.amounts import relation
from app.cash_application.matching.confidence import SHIPPED, Calibration
from app.cash_application.matching.duplicates import EarlierPayments
from app.cash_application.matching.formats import NumberFormats
from app.cash_application.matching.hypotheses import Case
from app.cash_application.matching.index import ItemIndex
from app.cash_application.matching.payer import AccountIndex, RunIdentities, identify_payer
from app.cash_application.matching.references import Token, payment_tokens
from app.cash_application.matching.run import Run, known_account
from app.cash_application.matching.strategies import exactly_named
from app.cash_application.matching.text_evidence import exact_mentions
from app.cash_application.matching.types import (
    AccountFacts,
    OpenItem,
    PayerIdentity,
    PaymentFacts,
    Proposal,
    Settings,
)


def match(
    payments: Sequence[PaymentFacts],
    items: Iterable[OpenItem],
    accounts: Iterable[AccountFacts] | AccountIndex = (),
    identities: Iterable[PayerIdentity] = (),
    settings: Settings | None = None,
    earlier: Iterable[PaymentFacts] = (),
    calibration: Calibration = SHIPPED,
    formats: NumberFormats | None = None,
) -> tuple[Proposal, ...]:
    """One proposal per payment, in the order of `payments`; the answer does not depend on any input's order.

    `items` are the candidates: documents found by `lookup_keys`, and the open items of every account that the
    payments' identities or references name. `accounts` may be an index built before (then with its
    identities in it), as for many batches of one run. `earlier` are payments of the last weeks, to recognise
    duplicates. `formats` are the organization's number formats; without them they are learned from `items`.
    Payments without a positive amount are refused with ValueError.
    """
    chosen = settings or Settings()
    if any(payment.amount_minor <= 0 for payment in payments):
        raise ValueError("only payments with a positive amount can be matched")
    tokens = {payment.id: payment_tokens(payment) for payment in payments}
    index = ItemIndex(items, chosen, formats, {token.key for found in tokens.values() for token in found})
    account_index = accounts if isinstance(accounts, AccountIndex) else AccountIndex(accounts, identities)
    ordered = sorted(payments, key=lambda payment: (payment.value_date, payment.id))
    cases = {payment.id: _case(payment, tokens[payment.id], index, account_index, chosen) for payment in ordered}
    shown = learn_from_run(cases.values()) if chosen.learn_within_run else RunIdentities()
    for case in cases.values():
        case.payers = identify_payer(case.payment, case.tokens, account_index, shown)
        case.settings = settings_of(case)
    repeated = EarlierPayments((*ordered, *earlier))
    proposals = Run(cases, index, calibration, repeated).solve()
    return tuple(proposals[payment.id] for payment in payments)


def _case(
    payment: PaymentFacts, tokens: tuple[Token, ...], index: ItemIndex, accounts: AccountIndex, settings: Settings
) -> Case:
    mentions = exact_mentions(index, payment, tokens)
    return Case(payment, tokens, mentions, {}, index, accounts, settings)


def settings_of(case: Case) -> Settings:
    """The organization's settings, with those of the payer's account where it has its own."""
    account_id = known_account(case)
    if account_id is None:
        return case.settings
    settings, known = case.settings, case.accounts.accounts.get(account_id)
    own = settings.accounts_tolerances.get(account_id) or (known.tolerance if known else None)
    small = settings.accounts_small_differences.get(account_id)
    charge = settings.accounts_bank_charges.get(account_id)
    if own is None and small is None and charge is None:
        return settings
    return replace(
        settings,
        tolerance=settings.tolerance if own is None else own,
        small_difference_minor=settings.small_difference_minor if small is None else small,
        bank_charge_minor=settings.bank_charge_minor if charge is None else charge,
    )


def learn_from_run(cases: Iterable[Case]) -> RunIdentities:
    """Identities shown by payments whose undamaged references belong to one account and agree with the
    amount.
    """
    shown = RunIdentities()
    for case in cases:
        owners = {item.account_id for item, text in case.mentions.values() if text.exact}
        if len(owners) != 1:
            continue
        account_id = next(iter(owners))
        named = exactly_named(case, account_id)
        taken, late = case.discounts(named)
        total = sum(case.open_of(item) for item in named)
        if relation(case.payment, total, taken, late, case.settings) is not None:
            shown.learn(case.payment, account_id)
    return shown
