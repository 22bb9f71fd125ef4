"""`python -m tests.chaos [--seconds N] [--seed S] [--keep]`: kill everything by turns while clients write."""

from __future__ import annotations

import argparse
import random
import sys

from tests.chaos.run import chaos


def main() -> int:
    """Command entry: 0, or 1 when something was lost, doubled or over-applied."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--keep", action="store_true", help="leave the data folder for a look")
    given = parser.parse_args()
    outcome = chaos(given.seconds, given.seed, keep=given.keep)
    print(outcome.text())
    for name, text in outcome.logs.items():
        print(f"\n--- {name}\n{text}", file=sys.stderr)
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
