"""What a goal is, and how its count is written."""

import traceback
from typing import NamedTuple


class Count(NamedTuple):
    """The outcome of one goal.

    Attributes
    ----------
    goal : str, such as ``"G2"``
    what : str, what was counted
    good, total : int
    least : int
        How many there must be in all.
    failures : list of str
        The first of those that are not good.
    """

    goal: str
    what: str
    good: int
    total: int
    least: int = 1
    failures: list = []

    @property
    def state(self):
        if self.good < self.total:
            return "MISSED"
        return "reached" if self.total >= self.least else "MISSED: too few"

    def __str__(self):
        count = f"{self.good:,} of {self.total:,}"
        return f"{self.goal:<4}{self.what:<66}{count:>20}  {self.state}"


def count(goal, what, inputs, check, least=1):
    """Check all inputs and count those that raise nothing and do not answer False."""
    good, failures, inputs = 0, [], list(inputs)
    for one in inputs:
        try:
            fine = check(one)
        except Exception as error:
            failures.append(described(one, error))
        else:
            good += fine is not False
            if fine is False:
                failures.append(f"{one}: differs")
    return Count(goal, what, good, len(inputs), least, failures[:20])


def described(one, error):
    """Return in a line which input failed, where and how."""
    last = traceback.extract_tb(error.__traceback__)
    where = f" in {last[-1].name}" if last else ""
    return f"{one}: " + f"{type(error).__name__}{where}: {error}"[:300]
