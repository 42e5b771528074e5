"""A limit and what was found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One row of the table.

    Args:
        name: What is limited, in words.
        limit: The largest value that is allowed.
        found: The value.
        details: What it was measured on and, for a ratio, both of its sides.
    """

    name: str
    limit: float
    found: float
    details: str

    @property
    def met(self) -> bool:
        """Whether the limit holds."""
        return self.found <= self.limit
