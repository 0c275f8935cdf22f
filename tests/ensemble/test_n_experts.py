"""n_experts="auto": the rule, and what it finds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.model_selection import RepeatedKFold, cross_val_score

from skexperts.datasets import make_piecewise_classification, make_piecewise_regression
from skexperts.ensemble import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.ensemble._n_experts import smallest_good_enough

SEEDS = range(10)


def draw(kind, seed):
    """300 rows without segments."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((300, 5))
    y = rng.standard_normal(300) + (0 if "noise" in kind else X.sum(axis=1))
    return X, (y > 0).astype(int) if "classes" in kind else y


@pytest.mark.parametrize(
    "kind", ["classes", "noise classes", "values", "noise of values"]
)
def test_without_segments_one_expert_is_found(kind):
    if "classes" in kind:
        model = PartitionedExpertsClassifier(RidgeClassifier(), n_experts="auto")
    else:
        model = PartitionedExpertsRegressor(LinearRegression(), n_experts="auto")
    model.set_params(min_cell_size=25)
    for seed in SEEDS:
        model.set_params(random_state=seed).fit(*draw(kind, seed))
        assert model.n_experts_ == 1
        assert model.fit_report_["state"].tolist() == ["global"]


@pytest.mark.parametrize(
    "model, make",
    [
        (PartitionedExpertsClassifier, make_piecewise_classification),
        (PartitionedExpertsRegressor, make_piecewise_regression),
    ],
)
def test_segments_are_found(model, make):
    X, y = make(400, 5, n_regions=4, random_state=0)
    model = model(n_experts="auto", min_cell_size=20, random_state=0).fit(X, y)
    assert model.n_experts_ >= 4
    assert np.ptp(np.diff(np.log2(model.n_experts_scores_["n_experts"]))) == 0


def test_scores_are_those_of_cross_validation():
    X, y = draw("values", 0)
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    model = PartitionedExpertsRegressor(
        LinearRegression(), n_experts="auto", min_cell_size=50, cv=cv
    )
    scores = model.fit(X, y).n_experts_scores_
    errors = cross_val_score(
        LinearRegression(), X, y, cv=cv, scoring="neg_mean_squared_error"
    )
    assert_allclose(scores["mean_score"][0], 1 + errors.mean() / y.var())


def test_constant_values_need_one_expert():
    X, _ = draw("values", 0)
    model = PartitionedExpertsRegressor(LinearRegression(), n_experts="auto")
    model.fit(X, np.full(300, 2.0))
    assert model.n_experts_ == 1
    assert_allclose(model.n_experts_scores_["mean_score"], 1)


def test_weights_equal_to_one_change_nothing():
    X, y = draw("values", 0)
    model = PartitionedExpertsRegressor(
        LinearRegression(), n_experts="auto", min_cell_size=50, random_state=0
    )
    plain = model.fit(X, y).n_experts_scores_
    weighted = model.fit(X, y, np.full(300, 3.0)).n_experts_scores_
    assert_allclose(weighted["mean_score"], plain["mean_score"])
    assert_allclose(weighted["std_error"], plain["std_error"])


class TestRule:
    def draw(self, *means, shared=1.0, own=0.0):
        """Losses of 400 rows with these means; some noise is the same for all."""
        rng = np.random.default_rng(0)
        noise = shared * rng.standard_normal(400)
        noise = noise + own * rng.standard_normal((len(means), 400))
        noise -= noise.mean(axis=1, keepdims=True)
        return noise + np.array(means)[:, None]

    def test_standard_error_is_that_of_the_mean(self):
        losses = self.draw(0.0, 1.0)
        _, errors = smallest_good_enough(losses, np.ones(400))
        assert_allclose(errors, losses.std(axis=1) / 20)

    def test_the_unit_of_the_weights_does_not_matter(self):
        losses = self.draw(0.1, 0.0, own=1.0)
        weights = np.random.default_rng(1).uniform(1, 2, 400)
        _, errors = smallest_good_enough(losses, weights)
        assert_allclose(smallest_good_enough(losses, 9 * weights)[1], errors)

    @pytest.mark.parametrize("first, chosen", [(0.04, 0), (0.06, 1)])
    def test_one_standard_error_is_0_05(self, first, chosen):
        losses = self.draw(first, 0.0)
        assert smallest_good_enough(losses, np.ones(400))[0] == chosen

    @pytest.mark.parametrize("first, chosen", [(0.15, 0), (0.18, 1)])
    def test_the_first_stays_unless_the_difference_is_sure(self, first, chosen):
        # The difference of two candidates has the standard error 0.05 * sqrt(2), and
        # 2.33 times that is 0.16.
        losses = self.draw(first, 0.0, shared=0.0, own=1.0)
        assert smallest_good_enough(losses, np.ones(400))[0] == chosen

    def test_of_the_others_the_first_within_one_standard_error(self):
        losses = self.draw(1.0, 0.06, 0.04, 0.0)
        assert smallest_good_enough(losses, np.ones(400))[0] == 2

    def test_one_candidate(self):
        chosen, errors = smallest_good_enough(np.ones((1, 5)), np.ones(5))
        assert chosen == 0
        assert_array_equal(errors, [0.0])
