"""`python -m tests.chaos [--seconds N] [--seed S] [--keep]`: kill everything by turns while clients write.

With `--sample-company ACCOUNTS INVOICES` the writer is the load of the sample company, until it has ended. With
`--reminders N [--faults M]` so many reminders leave to a real mail server meanwhile.
"""

from __future__ import annotations

import argparse
import random
import sys

from tests.chaos.reminders import reminders_under_faults
from tests.chaos.run import chaos
from tests.chaos.sample_company import sample_company_under_kills

PACE = 150
"""Reminders a minute, so that they last as long as 500 faults do: one that meets an empty queue proves nothing."""


def main() -> int:
    """Command entry: 0, or 1 when something was lost, doubled or over-applied."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--keep", action="store_true", help="leave the data folder for a look")
    parser.add_argument("--sample-company", nargs=2, type=int, metavar=("ACCOUNTS", "INVOICES"))
    parser.add_argument("--reminders", type=int, metavar="N")
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--pace", type=int, default=PACE, metavar="REMINDERS_A_MINUTE")
    given = parser.parse_args()
    if given.reminders:
        sent = reminders_under_faults(
            given.reminders, given.faults, given.seed, pace=given.pace, long=True, keep=given.keep
        )
        print(sent.text())
        for name, text in sent.logs.items():
            print(f"\n--- {name}\n{text}", file=sys.stderr)
        return 1 if sent.faults else 0
    if given.sample_company:
        text, faults = sample_company_under_kills(given.seed, *given.sample_company, keep=given.keep)
        print(text)
        return 1 if faults else 0
    outcome = chaos(given.seconds, given.seed, keep=given.keep)
    print(outcome.text())
    for name, text in outcome.logs.items():
        print(f"\n--- {name}\n{text}", file=sys.stderr)
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
