"""All payments of a run together: sure answers take their items first, and what is left is asked again.

Rounds: every open payment is weighed; automatic answers are granted by strength, as long as the items have
room; two payments that want the same room equally strongly both wait. What was taken makes other answers
unique, so payments that saw a taken item are weighed again. Payments that nothing decides are then tried
together for one item.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.cash_application.matching.confidence import Calibration, family_of
from app.cash_application.matching.decide import Verdict, decide
from app.cash_application.matching.duplicates import EarlierPayments
from app.cash_application.matching.hypotheses import Case, Hypothesis
from app.cash_application.matching.index import ItemIndex
from app.cash_application.matching.joint import joint_answers
from app.cash_application.matching.oldest_first import oldest_first
from app.cash_application.matching.proposals import abstention, allocate, alternatives_of, proposal_of
from app.cash_application.matching.text_evidence import exact_mentions
from app.cash_application.matching.types import Allocation, Band, Proposal, Reason

ROUNDS_LIMIT = 5
JOINT_LIMIT = 3
CONTEST_NATS = 2.0
RIVALS_LIMIT = 60


class Run:
    """The state of one run: what is decided, what is still open, and what the items have left."""

    def __init__(
        self, cases: dict[str, Case], index: ItemIndex, calibration: Calibration, repeated: EarlierPayments
    ) -> None:
        self.cases, self.index, self.calibration, self.repeated = cases, index, calibration, repeated
        self.proposals: dict[str, Proposal] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.contested: set[str] = set()

    def solve(self) -> dict[str, Proposal]:
        """The proposals of all payments."""
        for case in self.cases.values():
            duplicate_of = self.repeated.certain_duplicate(case.payment)
            if duplicate_of is not None:
                self._hold(case, duplicate_of)
        waiting = set(self.cases) - self.proposals.keys()
        self._rounds(waiting, waiting, parts=False)
        for _ in range(JOINT_LIMIT):
            before = len(self.proposals)
            touched = self._grant_together()
            self._rounds(set(self.cases) - self.proposals.keys(), self._that_saw(touched), parts=True)
            if len(self.proposals) == before:
                break
        self._propose_rest()
        return self.proposals

    def _grant_together(self) -> set[str]:
        """Grant payments that settle an item between them; the accounts whose items were taken."""
        touched: set[str] = set()
        for answers in joint_answers(self._undecided(), self.index, self.calibration):
            for verdict, hypothesis, raw in answers:
                self._grant(verdict, hypothesis, raw)
                touched.update(item.account_id for item in hypothesis.items)
        return touched

    def _rounds(self, waiting: set[str], stale: set[str], *, parts: bool) -> None:
        """Weigh what is stale, grant, and weigh again what the grants touched.

        Part payments are granted last (`parts`): two of them may settle an item together that neither names well.
        """
        for _ in range(ROUNDS_LIMIT):
            if not waiting:
                return
            for payment_id in sorted(stale):
                self.verdicts[payment_id] = decide(self._fresh(self.cases[payment_id]))
            touched = self._grant_round(waiting, parts)
            waiting = stale = self._that_saw(touched)

    def _that_saw(self, accounts: set[str]) -> set[str]:
        """Undecided payments for which items of these accounts were candidates."""
        undecided = self.cases.keys() - self.proposals.keys()
        return {payment_id for payment_id in undecided if self._saw(self.verdicts[payment_id], accounts)}

    def _fresh(self, case: Case) -> Case:
        """The case with what is open now; mentions of items that are gone disappear with them."""
        mentions = dict(case.mentions)
        if any(self.index.remaining[item.id] <= 0 for item, _ in mentions.values()):
            mentions = exact_mentions(self.index, case.payment, case.tokens)
        return Case(case.payment, case.tokens, mentions, case.payers, case.index, case.accounts, case.settings)

    @staticmethod
    def _saw(verdict: Verdict, accounts: set[str]) -> bool:
        case = verdict.case
        return bool(accounts & case.payers.keys()) or any(
            item.account_id in accounts for item, _ in case.mentions.values()
        )

    def _grant_round(self, waiting: Iterable[str], parts: bool) -> set[str]:
        """Grant the automatic answers of this round, strongest first; the accounts whose items were taken."""
        sure = [
            verdict
            for payment_id in waiting
            if self._is_automatic(verdict := self.verdicts[payment_id])
            and payment_id not in self.contested
            and not self._repeats_early(verdict)
            and (parts or not verdict.ranked[0].relation.free)
        ]
        sure.sort(key=lambda v: (-v.raw, v.case.payment.value_date, v.case.payment.id))
        wanted: dict[str, list[Verdict]] = {}
        for verdict in sure:
            for item in verdict.ranked[0].items:
                wanted.setdefault(item.id, []).append(verdict)
        touched: set[str] = set()
        for verdict in sure:
            best = verdict.ranked[0]
            rivals = self._rivals(verdict, wanted)
            if rivals:
                self.contested.update([verdict.case.payment.id, *(r.case.payment.id for r in rivals)])
                continue
            if verdict.case.payment.id in self.contested or not self._has_room(verdict):
                continue
            self._grant(verdict, best, verdict.raw)
            touched.update(item.account_id for item in best.items)
        return touched

    def _rivals(self, verdict: Verdict, wanted: dict[str, list[Verdict]]) -> list[Verdict]:
        """Other payments about as sure of an item that has no room for both; repetitions are no rivals."""
        best = verdict.ranked[0]
        rivals: dict[str, Verdict] = {}
        for item in best.items:
            for other in wanted[item.id][:RIVALS_LIMIT]:
                if other is verdict or other.case.payment.id in self.proposals:
                    continue
                together = verdict.case.payment.amount_minor + other.case.payment.amount_minor
                single = len(best.items) == 1 and len(other.ranked[0].items) == 1
                if single and together <= self.index.remaining[item.id]:
                    continue
                if self._repeats(verdict, other) or self._repeats(other, verdict):
                    continue
                if abs(other.ranked[0].weight - best.weight) < CONTEST_NATS:
                    rivals[other.case.payment.id] = other
        return list(rivals.values())

    def _repeats(self, one: Verdict, other: Verdict) -> bool:
        return self.repeated.likely_duplicate(one.case.payment) == other.case.payment.id

    def _repeats_early(self, verdict: Verdict) -> bool:
        """Whether this looks like an earlier payment once more, and what it would settle is not named or not due."""
        case = verdict.case
        if self.repeated.likely_duplicate(case.payment) is None:
            return False
        return any(
            item.due_date > case.payment.value_date
            or item.id not in case.mentions
            or not case.mentions[item.id][1].exact
            for item in verdict.ranked[0].items
        )

    def _is_automatic(self, verdict: Verdict) -> bool:
        if not verdict.ranked or verdict.tie or verdict.ranked[0].never_automatic:
            return False
        confidence = self.calibration.confidence(verdict.raw, family_of(verdict.ranked[0]))
        return confidence >= verdict.case.settings.automatic_confidence

    def _has_room(self, verdict: Verdict) -> bool:
        """Whether the answer still means what it meant when it was weighed."""
        allocations, _ = allocate(self.index, verdict.ranked[0], verdict.case.payment)
        return len(allocations) == len(verdict.ranked[0].items) and self._is_current(verdict)

    def _is_current(self, verdict: Verdict) -> bool:
        """Whether the items of the best answer have what they had when it was weighed."""
        return all(self.index.remaining[item_id] == left for item_id, left in verdict.seen.items())

    def _grant(self, verdict: Verdict, hypothesis: Hypothesis, raw: float) -> None:
        confidence = self.calibration.confidence(raw, family_of(hypothesis))
        others = [other for other in verdict.ranked if other is not hypothesis]
        proposal = proposal_of(verdict.case, hypothesis, others, confidence, raw, Band.AUTOMATIC)
        self.proposals[proposal.payment_id] = proposal
        for allocation in proposal.allocations:
            self._take(allocation, hypothesis)

    def _take(self, allocation: Allocation, hypothesis: Hypothesis) -> None:
        """Reduce what is left; a tolerated rest is as good as nothing for the payments that follow."""
        taken = abs(allocation.amount_minor) + allocation.discount_minor + allocation.write_off_minor
        left = self.index.remaining[allocation.item_id] - taken
        if left < 0:
            raise AssertionError("an allocation is larger than its item")
        within = left <= self.index.settings.tolerance.under(self.index.items[allocation.item_id].open_minor)
        tolerated = within and not (hypothesis.relation.free or allocation.deduction_minor or hypothesis.lines)
        self.index.take(allocation.item_id, 0 if tolerated else left)

    def _undecided(self) -> list[Verdict]:
        return [self.verdicts[payment_id] for payment_id in sorted(self.cases.keys() - self.proposals.keys())]

    def _propose_rest(self) -> None:
        """What is not automatic becomes a proposal, a duplicate on hold, or an abstention with its reason."""
        for verdict in self._undecided():
            case = verdict.case
            if not self._is_current(verdict):
                verdict = self.verdicts[case.payment.id] = decide(self._fresh(case))
            duplicate_of = self.repeated.likely_duplicate(case.payment)
            if duplicate_of is not None:
                self._hold(case, duplicate_of)
                continue
            self.proposals[case.payment.id] = self._propose(verdict)

    def _propose(self, verdict: Verdict) -> Proposal:
        case, settings = verdict.case, verdict.case.settings
        account_id = known_account(case)
        best = verdict.best
        confidence = self.calibration.confidence(verdict.raw, family_of(best)) if best else 0.0
        if verdict.tie:
            text = "Two answers are equally good, so none is taken"
            alternatives = alternatives_of(verdict.ranked)
            return abstention(case.payment, Reason("none.tie", text), account_id, alternatives, verdict.raw)
        if best is not None and confidence >= settings.proposed_confidence:
            others = verdict.ranked[1:]
            confidence = min(confidence, settings.automatic_confidence)
            return proposal_of(case, best, others, confidence, verdict.raw, Band.PROPOSED)
        oldest = oldest_first(case, account_id) if account_id is not None else None
        if oldest is not None and settings.propose_oldest_first and not case.names_numbers:
            return proposal_of(case, oldest, verdict.ranked, 0.0, verdict.raw, Band.PROPOSED)
        alternatives = alternatives_of([*verdict.ranked, *([oldest] if oldest else [])])
        reason = Reason("none.weak", "No answer is likely enough")
        if not verdict.ranked:
            known = account_id is not None
            reason = (
                Reason("none.amount", "No open items have this amount")
                if known
                else Reason("none.payer", "Neither payer nor reference is known")
            )
        return abstention(case.payment, reason, account_id, alternatives, verdict.raw)

    def _hold(self, case: Case, duplicate_of: str) -> None:
        reason = Reason("duplicate", "Looks like the same payment once more; held until a person decides")
        self.proposals[case.payment.id] = abstention(
            case.payment, reason, known_account(case), duplicate_of=duplicate_of
        )


def known_account(case: Case) -> str | None:
    """The one account that the payer evidence names clearly above all others."""
    if case.payment.account_id is not None:
        return case.payment.account_id
    ranked = sorted(case.payers.items(), key=lambda pair: (-pair[1].nats, pair[0]))
    if not ranked or ranked[0][1].nats < 5.0:
        return None
    if len(ranked) > 1 and ranked[0][1].nats - ranked[1][1].nats < 1.0:
        return None
    return ranked[0][0]
