"""Rows that come in parts, or from a file: the same bits, in bounded memory."""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skexperts import (
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    SparseCoder,
)
from skexperts.datasets import make_piecewise_classification, make_piecewise_regression

N_ROWS, SIZE = 3000, 700


def problem(kind, dtype=np.float64):
    make = {
        "classifier": make_piecewise_classification,
        "regressor": make_piecewise_regression,
    }[kind]
    X, y = make(N_ROWS, 6, n_regions=4, noise=0.1, random_state=0)
    return X.astype(dtype), y


def mapped(folder, X):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def cut(X, y):
    for first in range(0, len(y), SIZE):
        yield X[first : first + SIZE], y[first : first + SIZE]


def of_memmap(X, y, folder):
    return cut(mapped(folder, X), y)


def of_dask(X, y, folder):
    da = pytest.importorskip("dask.array")
    blocks = da.from_array(X, chunks=(SIZE, -1)), da.from_array(y, chunks=SIZE)
    for rows, values in zip(*(array.blocks for array in blocks), strict=True):
        yield rows.compute(), values.compute()


def of_generator(X, y, folder):
    for rows, values in cut(X, y):
        # As a reader of batches, which keeps one buffer for all of them.
        buffer = np.asfortranarray(rows)
        yield buffer, values.tolist()
        buffer[:] = np.nan


def learn(model, parts, classes):
    known = {} if classes is None else {"classes": classes}
    for X, y in parts:
        model.partial_fit(X, y, **known)
    return model


def numbers(model):
    arrays = model.coef_, model.intercept_, model.gate_coef_, model.gate_intercept_
    return b"".join(array.tobytes() for array in arrays)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("source", [of_memmap, of_dask, of_generator])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_gated_experts_learn_the_same_from_any_source(kind, source, dtype, tmp_path):
    X, y = problem(kind, dtype)
    X += 3  # Centred by the first part.
    classes = [0, 1] if kind == "classifier" else None
    cls = GatedExpertsClassifier if classes else GatedExpertsRegressor
    model = cls(8, top_k=2, random_state=0)
    expected = numbers(learn(model, cut(X, y), classes))
    found = cls(8, top_k=2, random_state=0)
    assert numbers(learn(found, source(X, y, tmp_path), classes)) == expected


def test_another_pass_goes_on_where_the_last_one_ended(tmp_path):
    X, y = problem("regressor")
    model = GatedExpertsRegressor(8, top_k=2, random_state=1)
    scores = [
        learn(model, of_memmap(X, y, tmp_path), None).score(X, y) for _ in range(4)
    ]
    assert scores[0] < scores[1] < scores[3]
    assert model.n_iter_ == len(model.loss_curve_) == 4 * 5


def test_a_coder_learns_the_same_from_a_memory_map(tmp_path):
    X, _ = problem("regressor")
    one, other = (SparseCoder(10, random_state=0) for _ in range(2))
    for rows, others in zip(
        np.split(X, 5), np.split(mapped(tmp_path, X), 5), strict=True
    ):
        one.partial_fit(rows)
        other.partial_fit(others)
    np.testing.assert_array_equal(one.components_, other.components_)


@pytest.mark.parametrize(
    ("kind", "options", "n_jobs"),
    [
        ("classifier", {"gate": "hard", "top_k": 1}, 1),
        ("regressor", {}, 2),
        ("regressor", {"gate": "softmax", "n_rounds": 2, "capacity_factor": 1.2}, 1),
    ],
)
def test_partitioned_experts_are_the_same_from_a_memory_map(
    kind, options, n_jobs, tmp_path
):
    X, y = problem(kind)
    cls = PartitionedExpertsRegressor
    if kind == "classifier":
        cls = PartitionedExpertsClassifier
    model = cls(n_experts=6, random_state=0, **options).fit(X, y)
    on_disk = mapped(tmp_path, X)
    other = cls(n_experts=6, random_state=0, n_jobs=n_jobs, **options).fit(on_disk, y)
    for name in ("predict", "expert_outputs"):
        expected = getattr(model, name)(X)
        np.testing.assert_array_equal(getattr(other, name)(on_disk), expected)
    assert (model.route(X) != other.route(on_disk)).nnz == 0


@contextmanager
def peak_below(limit):
    """Assert how many bytes are allocated at the most."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """Return 48 MB of rows in a memory map, and values."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120_000, 50)) + 3
    return mapped(tmp_path_factory.mktemp("rows"), X), X[:, 0] * np.sign(X[:, 1] - 3)


@pytest.mark.parametrize("options", [{"gate": "hard", "top_k": 1}, {"top_k": 2}])
def test_a_fit_makes_no_copy_of_a_memory_map(options, on_disk, monkeypatch):
    monkeypatch.setattr("skexperts.partition._sampled_kmeans._MOST_ROWS", 5000)
    X, y = on_disk
    model = PartitionedExpertsRegressor(n_experts=16, random_state=0, **options)
    with peak_below(0.35 * X.nbytes):
        model.fit(X, y)


def test_gated_experts_hold_a_few_parts_at_a_time(on_disk):
    X, y = on_disk
    model = GatedExpertsRegressor(16, top_k=2, random_state=0)
    with peak_below(0.1 * X.nbytes):
        learn(model, zip(np.split(X, 60), np.split(y, 60), strict=True), None)
    with peak_below(0.35 * X.nbytes):
        model.predict(X)
    with peak_below(0.5 * X.nbytes):
        model.route(X)


@pytest.mark.parametrize(
    ("model", "n_rows"),
    [
        (GatedExpertsClassifier(2, top_k=1, random_state=0), 120_000),
        (
            PartitionedExpertsClassifier(
                GaussianNB(), n_experts=2, top_k=1, random_state=0
            ),
            40_000,
        ),
    ],
)
def test_labels_need_no_outputs_of_all_rows(model, n_rows, on_disk, monkeypatch):
    monkeypatch.setattr("skexperts.ensemble._predicts._OUTPUTS", 1 << 18)
    X, n_classes = on_disk[0][:n_rows], 100
    model.fit(X[:5000], np.arange(5000) % n_classes)
    with peak_below(0.75 * 8 * n_classes * n_rows):
        labels = model.predict(X)
    rows = slice(n_rows // 2, n_rows // 2 + 100)
    np.testing.assert_array_equal(labels[rows], model.predict(X[rows]))
