"""How training ends: the best model, Ctrl-C, divergence; and experts that die."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from test_gated_experts import classes, classifier, problems, regressor, say, values

from skexperts._numeric.gated_experts import (
    Adam,
    GatedData,
    GatedExperts,
    combined_outputs,
    routed_outputs,
)
from skexperts.ensemble._gated_training import _reseed


@pytest.fixture(params=range(len(problems())))
def problem(request):
    return problems()[request.param]


# Ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_keeps_the_best_classifier(weighted):
    X, y = classes()
    weights = np.linspace(0.5, 2, len(y)) if weighted else None
    model = classifier(
        early_stopping=True, n_iter_no_change=3, max_iter=60, validation_fraction=0.25
    ).fit(X, y, sample_weight=weights)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=1)[0]
    _, rows = train_test_split(
        np.arange(len(y)), test_size=0.25, stratify=y, random_state=seed
    )
    own = None if weights is None else weights[rows]
    score = model.score(X[rows], y[rows], sample_weight=own)
    assert score == pytest.approx(max(model.validation_scores_), abs=1e-12)
    n_iter = len(model.validation_scores_)
    assert model.n_iter_ == n_iter < 60
    assert n_iter - 1 - np.argmax(model.validation_scores_) <= 3
    assert model.fit_report_["n_routed"].sum() == 3 * 300


def test_early_stopping_keeps_the_best_regressor():
    X, y = values(n_outputs=2)
    y = y + 200 * np.random.default_rng(0).normal(size=y.shape) * [1, 100]
    model = regressor(
        early_stopping=True,
        n_iter_no_change=2,
        max_iter=40,
        learning_rate_init=0.1,
        shared=True,
    ).fit(X, y)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=1)[0]
    _, rows = train_test_split(np.arange(len(y)), test_size=0.1, random_state=seed)
    score = r2_score(y[rows], model.predict(X[rows]))
    assert score == pytest.approx(max(model.validation_scores_), abs=1e-4)
    assert model.n_iter_ < 40
    without = regressor().fit(X, y)
    assert not hasattr(without, "validation_scores_")
    model.set_params(early_stopping=False).fit(X, y)
    assert not hasattr(model, "validation_scores_")


def test_early_stopping_needs_rows_to_score():
    X, y = values()
    with pytest.raises(ValueError, match="needs 2 rows to score.*2 rows in all. Give"):
        regressor(early_stopping=True).fit(X[:2], y[:2])
    for n_rows in (3, 10, 21):
        model = regressor(early_stopping=True).fit(X[:n_rows], y[:n_rows])
        assert np.isfinite(model.validation_scores_).all()
        n_left_out = max(2, np.ceil(0.1 * n_rows))
        assert model.fit_report_["n_routed"].sum() == n_rows - n_left_out


def interrupt(monkeypatch, in_pass):
    """Let the user press Ctrl-C in a pass, counted from 1 over all restarts."""
    passes, run = [], Adam.run

    def interrupted(self, *arguments):
        passes.append(1)
        if len(passes) == in_pass:
            raise KeyboardInterrupt
        return run(self, *arguments)

    monkeypatch.setattr(Adam, "run", interrupted)


@pytest.mark.parametrize("n_estimators", [1, 3])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_interruption_keeps_what_was_reached(monkeypatch, n_estimators, early_stopping):
    X, y = classes()
    model = classifier(n_estimators=n_estimators, early_stopping=early_stopping)
    interrupt(monkeypatch, 3)
    with pytest.warns(UserWarning, match="interrupted by user.*after 2 of 6 passes"):
        model.fit(X, y)
    assert model.n_iter_ == 2
    assert model.n_experts_ == 6
    assert model.score(X, y) > 0.4
    assert say(model, X).shape == (len(X), 4)
    n_rows = 360 if early_stopping else 400
    assert model.fit_report_["n_routed"].sum() == 3 * n_rows
    model.partial_fit(X, y)
    assert len(model.loss_curve_) == 3


def test_restarts_before_an_interruption_are_kept(monkeypatch):
    X, y = classes()
    whole = classifier().fit(X, y)
    interrupt(monkeypatch, 7)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = classifier(n_estimators=3).fit(X, y)
    assert model.n_experts_ == 6
    np.testing.assert_array_equal(model.coef_.shape, whole.coef_.shape)
    assert model.n_iter_ == 6
    assert model.score(X, y) > 0.5


def test_interruption_of_the_first_pass(monkeypatch):
    X, y = values()
    interrupt(monkeypatch, 1)
    with pytest.warns(UserWarning) as caught:
        model = regressor().fit(X, y)
    assert len(caught) == 1
    assert "after 0 of 6 passes" in str(caught[0].message)
    assert np.isfinite(model.predict(X)).all()


DIVERGED = r"diverged by step \d+ \(pass \d+\).*StandardScaler, or lower learning_rate"


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("factor", [1e15, 1e25, 1e37])
@pytest.mark.parametrize("init", ["kmeans", "normal"])
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_unscaled_rows_are_named(problem, factor, init, form):
    model, (X, y) = problem
    model.fit(X, y).set_params(init=init)
    before, said = dict(vars(model)), say(model, X)
    with np.errstate(all="ignore"):
        try:
            model.fit(form(X * factor), y)
        except ValueError as error:
            assert re.search(DIVERGED, str(error))
            assert vars(model) == before
            np.testing.assert_array_equal(say(model, X), said)
        else:
            assert np.isfinite(say(model, X * factor)).all()
            assert model.coef_.any()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_divergence_says_where_and_what_to_do(n_jobs):
    X, y = values()
    model = regressor(n_estimators=2, n_jobs=n_jobs).fit(X, y)
    before, said = dict(vars(model)), model.predict(X)
    model.set_params(learning_rate_init=1e30)
    with pytest.raises(ValueError, match=DIVERGED):
        model.fit(X, y)
    model.set_params(learning_rate_init=before["learning_rate_init"])
    assert vars(model) == before
    np.testing.assert_array_equal(model.predict(X), said)
    with pytest.raises(ValueError, match=DIVERGED):
        regressor(learning_rate_init=1e30).partial_fit(X, y).partial_fit(X, y)


# Dead experts -------------------------------------------------------------------------


def with_a_dead_expert(top_k=1, gate="softmax", form=np.asarray):
    """A model of 4 experts, of which the last is chosen for no row."""
    rng = np.random.default_rng(0)
    model = GatedExperts.zeros(
        3, 2, 4, top_k=top_k, gate=gate, shared=False, dtype=np.float32
    )
    model.lines[:] = rng.normal(size=model.lines.shape)
    model.lines[3, 2] = [0, 0, 0, -100]
    X = rng.normal(size=(60, 3)).astype(np.float32)
    losses = rng.exponential(size=60).astype(np.float32)
    data = GatedData(
        form(X),
        None,
        rng.normal(size=(60, 2)).astype(np.float32),
        np.ones(60, np.float32),
        losses,
    )
    adam = Adam(model, data, batch_size=10, decay=0.0, alpha=0.0, loss="squared_error")
    return adam, X


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
@pytest.mark.parametrize("form", [np.asarray, csr_array])
@pytest.mark.parametrize("top_k", [1, 2])
def test_experts_begin_anew_as_copies(top_k, gate, form):
    adam, X = with_a_dead_expert(top_k, gate, form)
    model = adam.model
    adam.first[:] = adam.second[:] = np.arange(len(adam.first))[:, None]
    adam.data.losses[:] = 0
    adam.data.losses[7] = 3
    before = combined_outputs(model, X)
    old, weights, _ = routed_outputs(model, X)
    assert 3 not in old
    host = old[7, weights[7].argmax()]
    _reseed(adam, np.array([3]), np.random.RandomState(0))
    np.testing.assert_array_equal(model.lines[3, :2], model.lines[host, :2])
    chosen = routed_outputs(model, X)[0]
    served = (chosen == 3).any(axis=1)
    after = combined_outputs(model, X)
    np.testing.assert_allclose(after[~served], before[~served], atol=1e-5)
    if top_k == 1:
        divided = served & (old[:, 0] == host)
        np.testing.assert_allclose(after[divided], before[divided], atol=1e-5)
    logits = np.append(X[7], 1) @ model.lines[:, 2].T
    assert logits[3] == pytest.approx(logits[host], abs=1e-5), "the plane is at the row"
    assert (adam.first[3] == host).all()
    assert (adam.second[3] == host).all()


def test_experts_that_serve_again_stay():
    adam, _ = with_a_dead_expert()
    adam.data.losses[:] = 0
    adam.data.losses[7] = 3
    model = adam.model
    table = model.table.copy()
    host = routed_outputs(model, adam.data.X[[7]])[0][0]
    _reseed(adam, host, np.random.RandomState(0))
    np.testing.assert_array_equal(model.table, table)


@pytest.mark.parametrize("losses", [0.0, 1.0])
def test_any_losses_say_where_to_begin_anew(losses):
    adam, X = with_a_dead_expert(top_k=2)
    adam.data.losses[:] = 0
    adam.data.losses[7] = losses
    _reseed(adam, np.array([2, 3]), np.random.RandomState(0))
    assert np.isfinite(combined_outputs(adam.model, X)).all()


@pytest.fixture
def dead_at_first(monkeypatch):
    """Let training begin with a gate that never chooses the last expert."""

    def place(model, X, sample_weight, init, seed):
        gates = model.lines[: model.n_experts, model.n_outputs]
        gates[:, :-1] = np.random.RandomState(seed).normal(size=gates[:, :-1].shape)
        gates[-1, -1] = -1e4

    monkeypatch.setattr("skexperts.ensemble._gated_base.place_gates", place)


@pytest.mark.usefixtures("dead_at_first")
@pytest.mark.parametrize("form", [np.asarray, csr_array])
@pytest.mark.parametrize("top_k", [1, 2])
def test_dead_experts_are_replaced(form, top_k):
    X, y = classes()
    model = classifier(top_k=top_k, max_iter=12, n_estimators=2).fit(form(X), y)
    report = model.fit_report_
    assert report["n_reseeded"][[5, 11]].min() >= 1
    assert report["n_routed"].min() > 0
    assert model.coef_[5].any()


@pytest.mark.usefixtures("dead_at_first")
def test_experts_that_stay_dead_are_reported():
    X, y = classes()
    model = classifier(max_iter=1, n_estimators=2)
    with pytest.warns(
        UserWarning, match=r"2 of 12 experts serve no.*see fit_report_. Raise balance=1"
    ):
        model.fit(X, y)
    report = model.fit_report_
    assert report["n_routed"].tolist().count(0) == 2
    assert not report["n_routed"][[5, 11]].any()
    assert not report["n_reseeded"].any()


def test_report_adds_up(problem):
    model, (X, y) = problem
    report = model.fit(X, y).fit_report_
    k, size = min(model.top_k, 6), model.n_experts_ // model.n_estimators
    assert report["expert"].tolist() == list(range(model.n_experts_))
    assert report["estimator"].tolist() == sorted([*range(model.n_estimators)] * size)
    totals = np.bincount(report["estimator"], report["n_routed"])
    assert (totals == k * len(y)).all()
    assert report["n_nonzero"].sum() == np.count_nonzero(model.coef_)
    assert {len(column) for column in report.values()} == {model.n_experts_}
