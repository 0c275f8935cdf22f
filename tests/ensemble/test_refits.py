"""New experts for some cells; everything else stays."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier

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


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("weights", [None, np.linspace(0, 2, 200)])
def test_class_weights_are_those_of_fit(class_weight, weights):
    X, y = segments()
    y[:20] = 0
    model = PartitionedExpertsClassifier(
        LogisticRegression(),
        partitioner=ColumnPartitioner(0),
        gate="hard",
        class_weight=class_weight,
        random_state=0,
    ).fit(X, y, sample_weight=weights)
    before = coefs(model)
    # Alone, the rows of the cell have other shares of the classes.
    mine = X[:, 0] == 2
    own = None if weights is None else weights[mine]
    model.refit_cells(X[mine], y[mine], [2], sample_weight=own)
    assert coefs(model) == before
    again = pickle.loads(pickle.dumps(model)).refit_cells(X, y, [1], weights)
    assert coefs(again) == before


def test_rows_of_one_class_with_class_weights():
    X, y = segments()
    model = PartitionedExpertsClassifier(
        LogisticRegression(),
        partitioner=ColumnPartitioner(0),
        gate="hard",
        class_weight="balanced",
        random_state=0,
    ).fit(X, y)
    mine = (X[:, 0] == 2) & (y == 1)
    model.refit_cells(X[mine], y[mine], [2])
    assert model.fit_report_["state"][2] == "constant"
    assert (model.predict(X[X[:, 0] == 2]) == 1).all()
    model.set_params(class_weight=None).fit(X, y)
    assert not hasattr(model, "_class_weights")


def test_class_weights_that_fit_did_not_keep_are_refused():
    X, y = segments()
    model = PartitionedExpertsClassifier(LogisticRegression(), random_state=0)
    model.fit(X, y).set_params(class_weight="balanced")
    with pytest.raises(ValueError, match="class_weight='balanced' was set after fit"):
        model.refit_cells(X, y, model.cells_)


def test_classes_without_weight_are_left_out_as_in_fit():
    X, y = segments()
    y[::7] = 2
    options = {"partitioner": ColumnPartitioner(0), "gate": "hard", "random_state": 0}
    by_class = PartitionedExpertsClassifier(
        LogisticRegression(), class_weight={0: 1, 1: 1, 2: 0}, **options
    ).fit(X, y)
    by_row = PartitionedExpertsClassifier(LogisticRegression(), **options)
    by_row.fit(X, y, sample_weight=(y != 2).astype(float))
    assert by_class.classes_.tolist() == [0, 1]
    before = coefs(by_class)
    assert before == coefs(by_row)
    assert coefs(by_class.refit_cells(X, y, by_class.cells_)) == before
    weights = (y != 2).astype(float)
    assert coefs(by_row.refit_cells(X, y, by_row.cells_, weights)) == before
    with pytest.raises(ValueError, match=r"classes that fit did not see: \[2\]"):
        by_row.refit_cells(X, y, [0])
    with pytest.raises(ValueError, match="leaves no row of positive weight"):
        by_class.refit_cells(X[y == 2], y[y == 2], [0])


class Told(LogisticRegression):
    """Checks that it is told the number of each of its rows."""

    def fit(self, X, y, sample_weight=None, row=None):
        self.row_ = row
        return super().fit(X, y, sample_weight)


def test_metadata_reach_the_experts():
    X, y = segments()
    row, weights = np.arange(len(y)), np.arange(len(y)) % 3.0
    model = PartitionedExpertsClassifier(
        Told(), partitioner=ColumnPartitioner(0), gate="hard", random_state=0
    )
    model.fit(X, y)
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        model.refit_cells(X, y, [1], row=row)
    with config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match="row"):
            model.refit_cells(X, y, [1], row=row)
        with pytest.raises(TypeError, match="colour"):
            model.refit_cells(X, y, [1], colour=row)
        model.expert.set_fit_request(row=True, sample_weight=True)
        model.refit_cells(X, y, [1, 3], sample_weight=weights, row=row)
    told = [getattr(expert, "row_", None) for expert in model.experts_]
    assert [own is None for own in told] == [True, False, True, False, True]
    for cell in (1, 3):
        expected = np.flatnonzero((X[:, 0] == cell) & (weights > 0))
        np.testing.assert_array_equal(told[cell], expected)


def test_weights_for_an_expert_that_takes_none():
    X, y = segments()
    model = PartitionedExpertsClassifier(KNeighborsClassifier(), random_state=0)
    model.fit(X, y)
    with pytest.raises(ValueError, match="takes no sample weights"):
        model.refit_cells(X, y, [0], sample_weight=np.ones(len(y)))


def test_experts_that_share_are_one_problem():
    X, y = segments()
    model = PartitionedExpertsClassifier(
        sharing="deviation", n_experts=3, random_state=0
    )
    with pytest.raises(ValueError, match="share a model"):
        model.fit(X, y).refit_cells(X, y, [0])


def test_columns_that_may_be_why_are_named():
    pd = pytest.importorskip("pandas")
    X, y = segments()
    X = pd.DataFrame(X, columns=list("abcd"))
    model = PartitionedExpertsClassifier(
        LogisticRegression(), partitioner=ColumnPartitioner("a"), gate="hard"
    ).fit(X, y)
    X.loc[3, "c"] = np.nan
    with pytest.raises(CellFitError) as error:
        model.refit_cells(X, y, model.cells_)
    assert error.value.__notes__ == [
        "X has missing or infinite values in the columns ['c']."
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.refit_cells(X.to_numpy()[4:], y[4:], model.cells_)
    own = "PartitionedExpertsClassifier was fitted with feature names"
    assert [own in str(one.message) for one in caught] == [True]
