"""A target, and whether it is met."""

from dataclasses import dataclass

from table import row


@dataclass(frozen=True)
class Target:
    """One of them, in words, and whether it is met."""

    what: str
    wanted: str
    measured: str
    is_met: bool

    def to_row(self):
        return row(self.what, self.wanted, self.measured, "met" if self.is_met else "**missed**")
