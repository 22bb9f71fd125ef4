"""Which keys a file has brought already, in eight bytes each: a set of Python texts would outgrow the memory."""

from __future__ import annotations

from array import array

_FIRST_SLOTS = 1 << 12
_MASK = (1 << 64) - 1
SLOTS_MAX = 1 << 24
"""128 MB; past 11 million keys repeats in one file are not looked for any more."""


class SeenKeys:
    """A set of 64-bit digests: open addressing in one array. Two different keys look alike once in 10¹³ pairs."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._count = 0

    def add(self, key: str) -> bool:
        """True when the key is new (or the set is full)."""
        if not self._put((hash(key) & _MASK) or 1):  # Python's keyed 64-bit hash: no file can be made to collide
            return False
        if self._count * 10 > len(self._slots) * 7:
            self._grow()
        return True

    def _put(self, digest: int) -> bool:
        slots = self._slots
        mask = len(slots) - 1
        if self._count * 10 > len(slots) * 8:
            return True
        place = digest & mask
        while (found := slots[place]) != 0:
            if found == digest:
                return False
            place = (place + 1) & mask
        slots[place] = digest
        self._count += 1
        return True

    def _grow(self) -> None:
        if len(self._slots) >= SLOTS_MAX:
            return
        old, self._slots, self._count = self._slots, array("Q", bytes(16 * len(self._slots))), 0
        for digest in old:
            if digest:
                self._put(digest)
