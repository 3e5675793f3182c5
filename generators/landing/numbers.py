"""Numbers of requests, a bit for each: a run may have ten millions of them."""

from collections.abc import Container


class Numbers(Container[int]):
    """A set of whole numbers from 0 on. `last` is the highest of them, or 0."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.last = 0

    def add(self, number: int) -> None:
        """Add a number, if it is not there."""
        place, bit = divmod(number, 8)
        if place >= len(self._bits):
            # Twice as long each time, so that adding takes as long however many there are.
            self._bits.extend(bytes(max(place + 1, 2 * len(self._bits)) - len(self._bits)))
        self._bits[place] |= 1 << bit
        self.last = max(self.last, number)

    def __contains__(self, number: object) -> bool:
        place, bit = divmod(number, 8)
        return place < len(self._bits) and bool(self._bits[place] >> bit & 1)

    def __bool__(self) -> bool:
        return any(self._bits)
