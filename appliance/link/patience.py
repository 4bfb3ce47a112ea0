"""How long to wait for an answer: measured, with slack for its variation, doubled while none comes (RFC 6298)."""

from __future__ import annotations


class Patience:
    """The waiting time for answers of one peer, between ``least_s`` and ``most_s`` seconds. Pure: times come as arguments."""

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s = least_s
        self._most_s = most_s
        self._mean_s: float | None = None
        self._spread_s = 0.0
        self._asked_at: float | None = None
        self._since: float | None = None
        self._strikes = 0
        self.last_s = 0.0
        """The latest measured time to an answer."""

    @property
    def wait_s(self) -> float:
        """How long an answer may take now; doubled from the second silence on, so that a dead line is noticed soon."""
        usual = self._least_s if self._mean_s is None else self._mean_s + 4 * self._spread_s
        return min(self._most_s, max(self._least_s, usual) * 2.0 ** min(max(0, self._strikes - 1), 10))

    def asked(self, now: float) -> None:
        """Something was said that wants an answer."""
        if self._since is None:
            self._since = now
        if self._asked_at is None:
            self._asked_at = now

    def answered(self, now: float) -> None:
        """The peer answered. A time is measured only when nothing was asked twice in between (RFC 6298 §3)."""
        if self._asked_at is not None and self._strikes == 0:
            self.last_s = now - self._asked_at
            if self._mean_s is None:
                self._mean_s, self._spread_s = self.last_s, self.last_s / 2
            else:
                self._spread_s += (abs(self._mean_s - self.last_s) - self._spread_s) / 4
                self._mean_s += (self.last_s - self._mean_s) / 8
        self._strikes = 0
        self._asked_at = None
        self._since = now

    def overdue(self) -> None:
        """No answer came in time: the next wait begins with the next question."""
        self._strikes += 1
        self._asked_at = None
        self._since = None

    def expect_nothing_soon(self, now: float) -> None:
        """The peer is known to be away: the next question comes only after the longest wait."""
        self._strikes = 11
        self._asked_at = None
        self._since = now

    def nothing_asked(self) -> None:
        """Nobody owes an answer; the next question starts without strikes."""
        self._strikes = 0
        self._asked_at = None
        self._since = None

    def due_in(self, now: float) -> float:
        """Seconds until the answer is overdue."""
        return self.wait_s if self._since is None else max(0.0, self._since + self.wait_s - now)
