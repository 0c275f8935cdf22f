"""The same data in another form give the same model: weights, containers, jobs."""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from grid import SCORE, THREE, TWO, X_NEW, X
from scipy.sparse import (
    coo_array,
    csc_array,
    csc_matrix,
    csr_array,
    csr_matrix,
)
from sklearn.base import is_classifier
from sklearn.cluster import KMeans
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from skexperts import (
    L1SVC,
    L1SVR,
    AlphaCombinerClassifier,
    AlphaCombinerRegressor,
    ColumnPartitioner,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    SigmoidGate,
    SoftmaxGate,
    TreePartitioner,
)

N = len(X)
VALUES = SCORE[:N]
TIMES = np.random.default_rng(0).integers(0, 4, N)
FOLD = np.random.default_rng(1).permutation(N) % 3

LOGISTIC = LogisticRegression(tol=1e-12, max_iter=10_000)
RIDGE = Ridge(tol=1e-12)
SVC, SVR = L1SVC(C=0.1, tol=1e-11), L1SVR(C=0.1, tol=1e-11)
TREE = TreePartitioner(4, min_samples_leaf=1)
SOFTMAX, SIGMOID = SoftmaxGate(tol=1e-10), SigmoidGate(tol=1e-10)
CENTERS = KMeans(3, n_init=1, random_state=0)
LEARNED = {"tol": 1e-14, "cv": "folds"}
BALANCED = {"class_weight": "balanced"}

# Expert, partitioner, other parameters; y is of two or three classes, or values.
CONFIGURATIONS = {
    "hard-two": (LOGISTIC, TREE, {"gate": "hard"}),
    "distance-two": (SVC, CENTERS, {}),
    "softmax-three": (LOGISTIC, CENTERS, {"gate": SOFTMAX}),
    "sigmoid-two": (SVC, CENTERS, {"gate": SIGMOID, "top_k": 2}),
    "shared-three": (LOGISTIC, ColumnPartitioner(0), {}),
    "sharing-two": (SVC, CENTERS, {"sharing": "deviation"}),
    "sharing-three": (
        SVC,
        ColumnPartitioner(0),
        {"sharing": "deviation", "gate": SOFTMAX},
    ),
    "alpha-two": (LOGISTIC, CENTERS, {"combiner": AlphaCombinerClassifier(**LEARNED)}),
    "hinge-three": (
        SVC,
        CENTERS,
        {"combiner": AlphaCombinerClassifier(loss="squared_hinge", **LEARNED)},
    ),
    "balanced-two": (LOGISTIC, CENTERS, BALANCED),
    "weighted-three": (SVC, TREE, {"class_weight": {"a": 3, "c": 0.5}}),
    "balanced-sharing-two": (SVC, CENTERS, {"sharing": "deviation"} | BALANCED),
    "hard-values": (RIDGE, TREE, {"gate": "hard"}),
    "distance-values": (SVR, CENTERS, {}),
    "softmax-values": (RIDGE, CENTERS, {"gate": SOFTMAX}),
    "shared-values": (RIDGE, ColumnPartitioner(0), {}),
    "sharing-values": (SVR, CENTERS, {"sharing": "deviation"}),
    "alpha-values": (RIDGE, CENTERS, {"combiner": AlphaCombinerRegressor(**LEARNED)}),
}
TARGETS = {"two": TWO, "three": THREE, "values": VALUES}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small arrays: threads would wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(params=CONFIGURATIONS)
def name(request):
    return request.param


def target(name):
    return TARGETS[name.split("-")[-1]]


def unfitted(name, convert=np.asarray, fold=FOLD, **parameters):
    """Return the model; its partition is a function of X and y alone."""
    expert, partitioner, others = CONFIGURATIONS[name]
    kind = PartitionedExpertsRegressor
    if is_classifier(expert):
        kind = PartitionedExpertsClassifier
    if isinstance(partitioner, KMeans):
        partitioner = FrozenEstimator(partitioner.fit(convert(X)))
    model = kind(expert, partitioner=partitioner, min_cell_size=1, random_state=0)
    model.set_params(**others, **parameters)
    if model.combiner is not None:
        tests = [np.flatnonzero(fold == f) for f in range(3)]
        folds = [(np.delete(np.arange(len(fold)), test), test) for test in tests]
        model.set_params(combiner__cv=folds)
    return model


def said(model, rows):
    """Return all that a model says of rows, as one array."""
    says = [model.route(rows).toarray()]
    if is_classifier(model):
        says += [model.predict_proba(rows), model.decision_function(rows)]
    else:
        says += [model.predict(rows)]
    return np.column_stack(says)


# Weights ------------------------------------------------------------------------------


def test_a_weight_is_a_number_of_rows(name):
    y = target(name)
    weighted = unfitted(name).fit(X, y, sample_weight=TIMES)
    repeated = unfitted(name, fold=np.repeat(FOLD, TIMES))
    repeated.fit(np.repeat(X, TIMES, axis=0), np.repeat(y, TIMES))
    says = said(weighted, X_NEW)
    np.testing.assert_allclose(said(repeated, X_NEW), says, rtol=1e-6, atol=1e-6)
    plain = said(unfitted(name).fit(X, y), X_NEW)
    assert plain.shape != says.shape or abs(plain - says).max() > 1e-3


def test_rows_of_weight_zero_are_not_there(name):
    y, weights = target(name), TIMES / 3
    kept = weights > 0
    weighted = unfitted(name).fit(X, y, sample_weight=weights)
    alone = unfitted(name, fold=FOLD[kept])
    alone.fit(X[kept], y[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(said(alone, X_NEW), said(weighted, X_NEW))


# Containers ---------------------------------------------------------------------------


def with_long_indices(X):
    rows = csr_array(X)
    rows.indices, rows.indptr = rows.indices.astype("i8"), rows.indptr.astype("i8")
    return rows


def with_unsorted_indices(X):
    rows = csr_array(X)
    for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        rows.indices[start:stop] = rows.indices[start:stop][::-1].copy()
        rows.data[start:stop] = rows.data[start:stop][::-1].copy()
    rows.has_sorted_indices = False
    return rows


SPARSE = [csr_matrix, csc_array, csc_matrix, coo_array]
SPARSE += [with_long_indices, with_unsorted_indices]


def test_sparse_rows_are_dense_rows(name):
    y = target(name)
    dense = unfitted(name).fit(X, y, sample_weight=TIMES)
    model = unfitted(name).fit(csr_array(X), y, sample_weight=TIMES)
    says = said(model, csr_array(X_NEW))
    np.testing.assert_allclose(says, said(dense, X_NEW), rtol=1e-6, atol=1e-6)
    mixed = said(dense, csr_array(X_NEW))
    np.testing.assert_allclose(mixed, says, rtol=1e-6, atol=1e-6)
    for container in SPARSE:
        other = unfitted(name).fit(container(X), y, sample_weight=TIMES)
        np.testing.assert_array_equal(said(other, container(X_NEW)), says)


def pandas_frame(X):
    return pd.DataFrame(X, columns=list("abcde"), index=np.arange(len(X))[::-1])


def polars_frame(X):
    return pl.DataFrame(X, schema=list("abcde"))


@pytest.mark.filterwarnings("error:X (has|does not have).* feature names")
@pytest.mark.parametrize(
    ("frame", "series"),
    [(pandas_frame, pd.Series), (polars_frame, pl.Series)],
    ids=["pandas", "polars"],
)
def test_frames_are_arrays(name, frame, series):
    y = target(name)
    array = unfitted(name).fit(X, y, sample_weight=TIMES)
    model = unfitted(name, frame)
    model.fit(frame(X), series(y), sample_weight=series(TIMES))
    # Experts read the frames themselves: other loops, other last bits.
    says = said(model, frame(X_NEW))
    # The descent of alpha ends where the objective is flat to the last bit.
    close = 1e-10 if model.combiner is None else 1e-7
    np.testing.assert_allclose(says, said(array, X_NEW), rtol=close, atol=close)


# Jobs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_two_jobs_are_one(name, backend):
    y = target(name)
    one = unfitted(name).fit(X, y, sample_weight=TIMES)
    with joblib.parallel_config(backend=backend):
        two = unfitted(name, n_jobs=2).fit(X, y, sample_weight=TIMES)
    np.testing.assert_array_equal(said(two, X_NEW), said(one, X_NEW))
