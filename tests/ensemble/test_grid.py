"""Every partitioner with every gate, sharing, combiner, expert and kind of X.

Each combination is one test: it says what the plain loops of ``oracle.py`` say, or is
refused with the words of a rule in ``grid.py``.
"""

import pickle

import numpy as np
import pytest
from grid import PARTITIONERS, REFUSED, RUN, refusal_of
from oracle import Oracle, link, read
from oracle_cells import take
from scipy.sparse import csr_array
from sklearn.base import clone
from threadpoolctl import threadpool_limits

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* cells have fewer than:UserWarning"),
    # NearestCentroid, of columns that are constant in a class.
    pytest.mark.filterwarnings("ignore:.*within_class_std_dev_:UserWarning"),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small arrays: threads would wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("combination", REFUSED, ids=str)
def test_a_combination_is_refused_in_words(combination):
    error, words = refusal_of(combination)
    X, y, weights, _ = combination.data
    model = combination.model()
    before = vars(model).copy()
    with pytest.raises(error, match=words):
        model.fit(X, y, weights)
    assert vars(model) == before


# What runs ----------------------------------------------------------------------------


@pytest.mark.parametrize("combination", RUN, ids=str)
def test_a_combination_says_what_plain_loops_say(combination):
    X, y, weights, X_new = combination.data
    model = combination.model().fit(X, y, weights)
    oracle = Oracle(model, X, y, weights)
    check_routes(model, oracle, X_new)
    check_predictions(model, oracle, X_new)
    check_training(model, oracle)
    if combination.sharing == "sharing":
        check_sharing(model, oracle)
    else:
        check_experts(model, oracle, X_new)
    if combination.combiner != "plain":
        assert (model.alpha_ >= 0).all()
        assert model.alpha_.sum() == pytest.approx(1)


def check_routes(model, oracle, X_new, rtol=1e-9):
    routing = model.route(X_new)
    expected = np.zeros(routing.shape)
    for i, row in enumerate(oracle.route(X_new)):
        for j, weight in row.items():
            expected[i, j] = weight
    np.testing.assert_allclose(routing.toarray(), expected, rtol=rtol, atol=1e-3 * rtol)
    np.testing.assert_allclose(routing.sum(axis=1), 1.0, rtol=1e-12)


def check_predictions(model, oracle, X_new, rtol=1e-9):
    combined = np.array(oracle.combine(X_new))
    close = {"rtol": rtol, "atol": rtol}
    if not oracle.classifies:
        np.testing.assert_allclose(model.predict(X_new), combined[:, 0], **close)
        return
    margins = combined if oracle.scale() == "margin" else 2 * combined - 1
    ours = model.decision_function(X_new)
    if len(oracle.classes) == 2:
        margins = margins[:, 1]
    np.testing.assert_allclose(ours, margins, **close)
    shares = combined
    if oracle.scale() == "margin":
        shares = np.array([link(row.tolist()) for row in combined])
    np.testing.assert_allclose(
        model.predict_proba(X_new), shares, rtol=0, atol=2 * rtol
    )
    for label, row in zip(model.predict(X_new), combined, strict=True):
        # Equal outputs may differ by the last bit of a sum.
        best = np.flatnonzero(row >= row.max() - max(1e-12, rtol - 1e-9))
        assert label in model.classes_[best]
        if len(best) == 1 or np.ptp(row[best]) == 0:
            assert label == model.classes_[best[0]]


def check_training(model, oracle):
    routed = oracle.training_routing
    live = [*oracle.live, *[-1] * oracle.has_shared]
    used = [k for k in live if k < 0 or any(k in row for row in routed)]
    assert model.cells_.tolist() == used
    report = model.fit_report_
    for j, cell in enumerate(report["cell"]):
        pairs = [row[cell] for row in routed if cell in row]
        # The expert of the rows that no cell claims is fitted on all of them.
        assert report["n_routed"][j] == (len(pairs) if cell >= 0 else len(routed))
        assert report["gate_weight"][j] == pytest.approx(sum(pairs), rel=1e-9)
        assert (report["state"][j] in ("fitted", "constant")) == (cell in used)


def check_experts(model, oracle, X_new):
    """Every expert is a clone fitted by hand on the rows routed to it."""
    for cell, expert in zip(model.cells_, model.experts_, strict=True):
        by_hand = oracle.refit(expert, cell)
        rows = take(X_new, np.arange(X_new.shape[0]), oracle.columns(cell))
        scale = "probability" if oracle.classifies else "value"
        np.testing.assert_allclose(
            read(expert, rows, scale, oracle.classes),
            read(by_hand, rows, scale, oracle.classes),
            rtol=1e-6,
            atol=1e-6,
        )


def check_sharing(model, oracle):
    """The experts are sums, and no step downhill is left in the joint problem."""
    coef = np.atleast_2d(model.shared_.coef_)
    intercept = np.atleast_1d(model.shared_.intercept_)
    owns = [own.toarray() for own in model.deviation_]
    shifts = model.deviation_intercept_
    for expert, own, shift in zip(model.experts_, owns, shifts, strict=False):
        np.testing.assert_array_equal(np.atleast_2d(expert.coef_), coef + own)
        np.testing.assert_array_equal(expert.intercept_, intercept + shift)
    if len(owns) == 1:  # It has none to share with.
        assert not owns[0].any()
        assert not shifts.any()
        return
    best = oracle.joint_objective(coef, intercept, owns, shifts)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        parts = [coef, intercept, np.array(owns), shifts]
        moved = [part + size * rng.normal(size=part.shape) for part in parts]
        assert best <= oracle.joint_objective(*moved) * (1 + model.shared_.tol)
        # Along the line between the shared model and the experts, too.
        moved = coef + size * owns[0], intercept, [own - size * owns[0] for own in owns]
        assert best <= oracle.joint_objective(*moved, shifts) * (1 + model.shared_.tol)


# Other kinds of X, and what holds for all ---------------------------------------------

# Partitioners that claim no new row: all experts serve it.
UNPLACED = (PARTITIONERS["random"], PARTITIONERS["groups"])
DENSE = [c for c in RUN if c.container == "dense"]


@pytest.mark.filterwarnings("error:X (has|does not have).* feature names")
@pytest.mark.parametrize("container", ["pandas", "polars", "float32"])
@pytest.mark.parametrize("combination", DENSE[::17], ids=str)
def test_other_kinds_of_x(combination, container):
    combination = combination._replace(container=container)
    X, y, weights, X_new = combination.data
    model = combination.model().fit(X, y, weights)
    oracle = Oracle(model, X, y, weights)
    rtol = 1e-3 if container == "float32" else 1e-9
    check_routes(model, oracle, X_new, rtol)
    check_predictions(model, oracle, X_new, rtol)
    if container != "float32":
        check_training(model, oracle)


def outputs_of(model, X):
    """Return all that a model says of X, as one array."""
    says = model.predict_proba(X) if hasattr(model, "predict_proba") else None
    says = model.predict(X)[:, None] if says is None else says
    return np.hstack([says, model.route(X).toarray()])


@pytest.mark.parametrize("combination", RUN[::29], ids=str)
def test_what_holds_for_every_model(combination):
    X, y, weights, X_new = combination.data
    model = combination.model().fit(X, y, weights)
    says = outputs_of(model, X_new)
    # A row does not depend on the others.
    alone = [outputs_of(model, take(X_new, [i])) for i in range(len(says))]
    np.testing.assert_allclose(np.vstack(alone), says, rtol=1e-9, atol=1e-12)
    most = model.top_k if model.partitioner not in UNPLACED else 3
    assert (np.diff(csr_array(model.route(X_new)).indptr) <= most).all()
    # The same bits from a copy, another fit, two jobs, and a fit that has failed.
    others = [pickle.loads(pickle.dumps(model)), clone(model).fit(X, y, weights)]
    others.append(clone(model).set_params(n_jobs=2).fit(X, y, weights))
    if combination.combiner != "given":  # Alpha is for a number of experts.
        others.append(clone(model).fit(X[:60], y[:60]).fit(X, y, weights))
    with pytest.raises(ValueError, match="must not exceed the number of rows"):
        others[1].set_params(n_experts=1000).fit(X, y, weights)
    for other in others:
        np.testing.assert_array_equal(outputs_of(other, X_new), says)
