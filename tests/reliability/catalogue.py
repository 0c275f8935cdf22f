"""The catalogue of faults: each case is a function, registered under its number.

A case is called with a model (or none) and a variant, and says what is expected. The
numbers are those of the table in ``docs/reliability.md``.
"""

from collections.abc import Callable
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from models import MODELS, Model, says

CASES = []


class Case(NamedTuple):
    """A fault, with the models and the variants it is tried on."""

    number: int
    fault: str
    check: Callable
    variants: dict
    models: list

    def inputs(self):
        """Return all inputs: each model with each variant."""
        return [Input(self, *pair) for pair in product(self.models, self.variants)]


class Input(NamedTuple):
    """A case with one model and one variant of the fault."""

    case: Case
    model: Model | None
    variant: str

    def __str__(self):
        return f"{self.case.number:03d}-{self.variant}-{self.model}"

    def check(self):
        """Raise an AssertionError unless what happens is what is expected."""
        self.case.check(self.model, self.case.variants[self.variant])


def case(number, fault, variants: Any = ("",), where=None):
    """Register a case; ``where`` chooses the models, False for none.

    ``variants`` are values by name, or names that are the values.
    """
    if not isinstance(variants, dict):
        variants = {str(variant): variant for variant in variants}
    models: list = [None]
    if where is not False:
        models = [model for model in MODELS if where is None or where(model)]

    def register(check):
        CASES.append(Case(number, fault, check, variants, models))
        return check

    return register


def all_inputs():
    """Return the inputs of all cases."""
    return [one for each in CASES for one in each.inputs()]


def share(per_case):
    """Return so many inputs of each case, evenly spread and all variants among them."""
    chosen = []
    for number, each in enumerate(CASES):
        inputs, n_variants = each.inputs(), len(each.variants)
        rows = [inputs[i::n_variants] for i in range(n_variants)]
        few = max(1, per_case // n_variants)
        for i, row in enumerate(rows):
            step = max(1, len(row) // few)
            # Another model for each variant and case.
            chosen += row[(number * 7 + i * 3) % step :: step][:few]
    return chosen


# What cases assert --------------------------------------------------------------------


@contextmanager
def refused(words, kinds=(ValueError, TypeError)):
    """Expect an error in words."""
    with pytest.raises(kinds, match=words) as caught:
        yield
    assert isinstance(caught.value, kinds)


def check_refused(model, words, X, y, old=None, kinds=(ValueError, TypeError), **more):
    """Check that a fit is refused in words and leaves nothing, or the old model.

    Parameters
    ----------
    old : fitted model, X or None
        A model to refit as well, and rows to ask it about.
    **more : other arguments of ``fit``
    """
    new = model.make()
    before = vars(new).copy()
    with refused(words, kinds):
        new.fit(X, y, **more)
    assert vars(new) == before
    if old is not None:
        fitted, rows = old
        answers = says(fitted, rows)
        with refused(words, kinds):
            fitted.fit(X, y, **more)
        np.testing.assert_array_equal(says(fitted, rows), answers)


def check_outputs(model, X):
    """Check what holds for every output: finite, probabilities, columns, routing."""
    answers = says(model, X)
    assert np.isfinite(answers).all()
    if hasattr(model, "route"):
        routing = model.route(X)
        assert (routing.data >= 0).all()
        np.testing.assert_allclose(routing.sum(axis=1), 1.0, rtol=1e-12)
    if not hasattr(model, "predict_proba"):
        return answers
    shares, labels = model.predict_proba(X), model.predict(X)
    assert shares.shape == (X.shape[0], len(model.classes_))
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    best = shares.max(axis=1)
    # A tie may be broken by the margins behind the probabilities.
    own = shares[np.arange(len(labels)), np.searchsorted(model.classes_, labels)]
    np.testing.assert_allclose(own, best, rtol=0, atol=1e-12)
    return answers
