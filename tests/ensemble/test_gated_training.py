"""How gated experts are trained: paths, accuracy, warm starts and streams."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.preprocessing import StandardScaler
from test_gated_experts import (
    classes,
    classifier,
    problems,
    regressor,
    say,
    thinned,
    values,
)

from skexperts._numeric.gated_experts import (
    combined_outputs,
)
from skexperts.datasets import (
    load_letter,
    make_piecewise_classification,
    make_piecewise_regression,
)


@pytest.fixture(params=range(len(problems())))
def problem(request):
    return problems()[request.param]


# What is learned ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [classifier, regressor])
def test_alpha_traces_a_path(kind):
    X, y = classes() if kind is classifier else values()
    noise = np.random.default_rng(0).normal(size=(len(X), 10))
    X = np.hstack([X, noise])
    zeros = []
    for alpha in (0.0, 0.003, 0.02, 10.0):
        model = kind(alpha=alpha, max_iter=15, shared=True).fit(X, y)
        n_zeros = np.count_nonzero(model.coef_ == 0)
        zeros.append(n_zeros / model.coef_.size)
        assert model.sparse_coef_.nnz == model.coef_.size - n_zeros
        np.testing.assert_array_equal(
            model.sparse_coef_.toarray(), model.coef_.reshape(-1, X.shape[1])
        )
        np.testing.assert_array_equal(
            model.fit_report_["n_nonzero"], np.count_nonzero(model.coef_, axis=(1, 2))
        )
    assert zeros[0] < 0.05
    assert (np.diff(zeros) > 0).all()
    assert zeros[-1] == 1
    assert not model.shared_coef_.any()
    assert model.gate_coef_.any(), "alpha is for experts"
    assert model.intercept_.any()


def test_letters_are_told_apart():
    X, y = load_letter(subset="test", return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = classifier(n_experts=64, top_k=8, max_iter=25).fit(X[:3000], y[:3000])
    assert model.score(X[3000:], y[3000:]) > 0.85
    assert model.loss_curve_[-1] < 0.5 * model.loss_curve_[0]


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
def test_pieces_of_classification_are_found(gate, loss):
    X, y = make_piecewise_classification(3000, 10, random_state=0)
    model = classifier(
        n_experts=16, gate=gate, loss=loss, max_iter=30, learning_rate_init=0.05
    )
    assert model.fit(X[:2000], y[:2000]).score(X[2000:], y[2000:]) > 0.85


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_pieces_of_regression_are_found(shared, loss):
    X, y = make_piecewise_regression(3000, 10, noise=0.1, random_state=0)
    model = regressor(n_experts=16, shared=shared, loss=loss, max_iter=30, l2=0.0)
    assert model.fit(X[:2000], y[:2000]).score(X[2000:], y[2000:]) > 0.85


def test_restarts_are_averaged():
    X, y = classes()
    model = classifier(n_estimators=3).fit(X, y)
    parts = [combined_outputs(m, X.astype(np.float32)) for m in model._models]
    assert (parts[0] != parts[1]).any()
    np.testing.assert_allclose(say(model, X), np.mean(parts, axis=0), rtol=1e-5)


def test_a_gate_of_one_expert_a_row_stays():
    X, y = classes()
    short, long = (
        classifier(top_k=1, gate="softmax", max_iter=n).fit(X, y) for n in (1, 6)
    )
    assert short.fit_report_["n_routed"].all()
    np.testing.assert_array_equal(short.gate_coef_, long.gate_coef_)


def test_balance_evens_the_usage():
    X, y = classes()
    spread = []
    for balance in (0.0, 10.0):
        model = classifier(balance=balance, init="normal", top_k=2, max_iter=20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            spread.append(model.fit(X, y).fit_report_["n_routed"].std())
    assert spread[1] < spread[0]


# Going on -----------------------------------------------------------------------------


def test_warm_start_goes_on(problem):
    model, (X, y) = problem
    model.set_params(warm_start=True, max_iter=10)
    first = model.fit(X, y).loss_curve_
    assert model.fit(X, y).loss_curve_[0] < 0.95 * first[0]
    cold = model.set_params(warm_start=False).fit(X, y)
    assert cold.loss_curve_ == first


def test_warm_start_begins_anew_when_shapes_change():
    X, y = classes()
    model = classifier(warm_start=True).fit(X, y)
    for other, data in [
        ({}, (X[:, :4], y)),
        ({}, (X, np.minimum(y, 2))),
        ({}, (X, y + 1)),
        ({"n_experts": 7}, (X, y)),
        ({"shared": True}, (X, y)),
        ({"n_estimators": 2}, (X, y)),
    ]:
        fresh = classifier(**other).fit(*data)
        model.set_params(**{"n_experts": 6, "shared": False, "n_estimators": 1})
        model.fit(X, y).set_params(**other).fit(*data)
        np.testing.assert_array_equal(say(model, data[0]), say(fresh, data[0]))
        assert hasattr(model, "shared_coef_") == model.shared


def test_warm_start_begins_anew_with_the_unit_of_y():
    X, y = values()
    for other in [
        (X[:, :4], 1e4 * y + 7),
        (X, 1e4 * np.column_stack([y, X[:, 0]])),
        (X[:40], 1e4 * y[:40]),
    ]:
        fresh = regressor().fit(*other)
        model = regressor(warm_start=True).fit(X, y).fit(*other)
        np.testing.assert_array_equal(model.predict(other[0]), fresh.predict(other[0]))
    model = regressor(warm_start=True).fit(X, y).fit(X, y[:, None])
    assert model.predict(X).shape == (len(X), 1)


# Streams ------------------------------------------------------------------------------


def test_streams_are_learned(problem):
    model, (X, y) = problem
    named = {"classes": np.unique(y)} if hasattr(model, "predict_proba") else {}
    for _ in range(6):
        for first in range(0, len(y), 100):
            model.partial_fit(X[first : first + 100], y[first : first + 100], **named)
            named = {}
    assert model.n_iter_ == len(model.loss_curve_) == 24
    assert np.mean(model.loss_curve_[-4:]) < 0.9 * np.mean(model.loss_curve_[:4])
    said = say(model, X)
    again = type(model)(**model.get_params())
    for _ in range(6):
        for first in range(0, len(y), 100):
            again.partial_fit(X[first : first + 100], y[first : first + 100])
    np.testing.assert_array_equal(say(again, X), said)


def test_streams_of_sparse_rows():
    X, y = classes()
    X, y = thinned(X), np.concatenate([y, y])
    dense, sparse = classifier(init="normal"), classifier(init="normal")
    for first in range(8):
        rows = slice(first, None, 8)
        dense.partial_fit(X[rows], y[rows])
        sparse.partial_fit(csr_array(X[rows]), y[rows])
    np.testing.assert_allclose(say(sparse, X), say(dense, X), atol=1e-3)


def test_streams_know_their_classes():
    X, y = classes()
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    model = classifier().partial_fit(X[:100], y[:100], classes=[3, 2, 1, 0])
    assert len(np.unique(y[:100])) < 4
    assert model.classes_.tolist() == [0, 1, 2, 3]
    model.partial_fit(X[100:], y[100:])
    before = say(model, X)
    with pytest.raises(ValueError, match=r"y has the classes \[9\].*Name all classes"):
        model.partial_fit(X[:50], np.full(50, 9))
    with pytest.raises(
        ValueError, match=r"classes=\[0, 1\] are not those of the model"
    ):
        model.partial_fit(X[:50], np.zeros(50, int), classes=[0, 1])
    model.partial_fit(X, y, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match="y has the classes"):
        classifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="only one class"):
        classifier().partial_fit(X[:5], np.zeros(5, int))
    balanced = classifier(class_weight="balanced").partial_fit(X, y)
    with pytest.raises(ValueError, match="needs rows of all classes"):
        balanced.partial_fit(X[:50], np.zeros(50, int))
    assert before.shape == (len(X), 4)


def test_streams_keep_their_number_of_outputs():
    X, y = values(n_outputs=3)
    model = regressor().partial_fit(X, y)
    before = model.predict(X)
    for other in (y[:, 0], y[:, :1], y[:, :2]):
        with pytest.raises(ValueError, match="has had 3 outputs"):
            model.partial_fit(X, other)
    np.testing.assert_array_equal(model.predict(X), before)


def test_streams_go_on_from_a_fit(problem):
    model, (X, y) = problem
    # The rate of a stream is not that at which fit ends.
    model.set_params(learning_rate_init=0.005, max_iter=3)
    last = model.fit(X, y).loss_curve_[-1]
    n_iter = model.n_iter_
    for _ in range(3):
        model.partial_fit(X, y)
    assert model.loss_curve_[-1] < last
    assert model.n_iter_ == n_iter + 3
    anew = type(model)(**model.get_params()).fit(X, y)
    np.testing.assert_array_equal(say(model.fit(X, y), X), say(anew, X))


@pytest.mark.parametrize("streamed", [True, False])
def test_chunks_that_fail_change_nothing(problem, streamed):
    model, (X, y) = problem
    model = model.partial_fit(X, y) if streamed else model.fit(X, y)
    before, said = dict(vars(model)), say(model, X)
    strange = X.copy()
    strange[3, 1] = np.nan
    bad = [(strange, y), (X[:, :3], y), (X, y[:-1]), (1e30 * X, y), (1e300 * X, y)]
    for rows, target in bad:
        with pytest.raises(ValueError):
            model.partial_fit(rows, target)
        assert vars(model) == before
    np.testing.assert_array_equal(say(model, X), said)
