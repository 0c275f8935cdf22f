"""New experts for some cells; everything else stays."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge

from skexperts import (
    AlphaCombinerClassifier,
    ColumnPartitioner,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.exceptions import CellFitError

N_CELLS = 4


def segments(seed=0, n_rows=200):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    X[:, 0] = np.arange(n_rows) % N_CELLS
    y = (X[:, 1] * (1 + X[:, 0]) + rng.normal(size=n_rows) > 0).astype(int)
    return X, y


def coefs(model):
    return [expert.coef_.tolist() for expert in model.experts_]


@pytest.mark.parametrize("gate", ["hard", "distance"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("combiner", [None, AlphaCombinerClassifier(cv=3)])
def test_the_same_rows_give_the_same_model(gate, sparse, combiner):
    X, y = segments()
    rows = csr_array(X) if sparse else X
    weights = np.linspace(0, 1, len(y))
    model = PartitionedExpertsClassifier(
        LogisticRegression(),
        partitioner=KMeans(3, random_state=0),
        gate=gate,
        combiner=combiner,
        random_state=0,
    ).fit(rows, y, sample_weight=weights)
    before, answers = coefs(model), model.predict_proba(rows)
    report = model.fit_report_
    assert model.refit_cells(rows, y, model.cells_, sample_weight=weights) is model
    assert coefs(model) == before
    assert (model.predict_proba(rows) == answers).all()
    for name in set(report) - {"fit_time"}:
        assert (model.fit_report_[name] == report[name]).all()


def test_only_these_cells_change():
    X, y = segments()
    new_X, new_y = segments(1)
    options = {"partitioner": ColumnPartitioner(0), "gate": "hard", "random_state": 0}
    model = PartitionedExpertsClassifier(LogisticRegression(), **options).fit(X, y)
    other = PartitionedExpertsClassifier(LogisticRegression(), **options)
    other.fit(new_X, new_y)
    before = coefs(model)
    mine = np.isin(new_X[:, 0], [1, 3])
    model.refit_cells(new_X[mine], new_y[mine], [3, 1])
    after, new = coefs(model), coefs(other)
    assert after == [before[0], new[1], before[2], new[3], before[4]]
    assert (model.predict(X)[mine] == other.predict(X)[mine]).all()
    model.refit_cells(new_X, new_y, [-1])
    assert coefs(model)[-1] == new[-1]
    assert model.shared_ is model.experts_[-1]


def test_regressors_of_several_outputs():
    X, _ = segments()
    Y = np.column_stack([X[:, 1] * X[:, 0], X[:, 2]])
    model = PartitionedExpertsRegressor(Ridge(), n_experts=3, random_state=0)
    model.fit(X, Y)
    before = coefs(model)
    model.refit_cells(X, 2 * Y, [1])
    np.testing.assert_allclose(model.experts_[1].coef_, 2 * np.array(before[1]))
    assert [coefs(model)[j] == before[j] for j in range(3)] == [True, False, True]
    with pytest.raises(ValueError, match="y has shape"):
        model.refit_cells(X, Y[:, 0], [1])


class Fails(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        if len(y) < 50:
            raise ValueError("too few")
        return super().fit(X, y, sample_weight)


def test_what_cannot_be_refitted_leaves_the_model_as_it_was():
    X, y = segments()
    model = PartitionedExpertsClassifier(
        Fails(),
        partitioner=ColumnPartitioner(0),
        gate="hard",
        on_cell_error="fallback",
        random_state=0,
    )
    with pytest.raises(NotFittedError):
        model.refit_cells(X, y, [0])
    model.fit(X, y)
    before, experts = coefs(model), model.experts_
    for cells in ([], [7], [0, -2], [True, False], ["1"], [0.5]):
        with pytest.raises(ValueError, match="cells must be one or more"):
            model.refit_cells(X, y, cells)
    with pytest.raises(ValueError, match=r"routed to the cells \[2\]"):
        model.refit_cells(X[:2], y[:2], [0, 2])
    with pytest.raises(ValueError, match=r"classes that fit did not see: \[2\]"):
        model.refit_cells(X, y + 1, [0])
    with pytest.raises(CellFitError, match=r"cell [01] .*too few"):
        model.refit_cells(X[:190], y[:190], [0, 1])
    assert model.experts_ is experts
    assert coefs(model) == before


def test_experts_that_share_are_one_problem():
    X, y = segments()
    model = PartitionedExpertsClassifier(
        sharing="deviation", n_experts=3, random_state=0
    )
    with pytest.raises(ValueError, match="share a model"):
        model.fit(X, y).refit_cells(X, y, [0])
