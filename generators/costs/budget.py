"""The spend cap: the worst that a request can cost is reserved before it goes out."""

# Sums of floats do not end at 0.
_ROUNDING = 1e-12


class Budget:
    """USD that may be spent in all; without a cap (None) it only counts.

    `spent` starts at what the runs have cost in earlier sessions.
    """

    def __init__(self, max_usd: float | None, spent: float = 0.0) -> None:
        self.max_usd = max_usd
        self.spent = spent
        self.reserved = 0.0

    def reserve(self, usd: float) -> bool:
        """Set `usd` aside for a request, or say that the cap does not allow it now."""
        if self.max_usd is not None and self.spent + self.reserved + usd > self.max_usd:
            return False
        self.reserved += usd
        return True

    def adopt(self, usd: float) -> None:
        """Turn what an earlier session counted as spent, for a batch, into a reserve for it."""
        self.spent -= usd
        self.reserved += usd

    def settle(self, reserved: float, spent: float) -> None:
        """Give back what was `reserved` for a request, and count what it `spent`."""
        self.reserved -= reserved
        self.spent += spent

    @property
    def is_waiting(self) -> bool:
        """Whether requests are under way whose reserve may yet come back."""
        return self.reserved > _ROUNDING
