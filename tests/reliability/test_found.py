"""What the catalogue and the random compositions have found, each once."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from grid import TWO, X
from scipy.sparse import csr_array, csr_matrix

from skexperts import (
    L1SVC,
    ColumnPartitioner,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    SparseCoder,
)
from skexperts.exceptions import CellFitError


def test_a_limit_on_rows_where_every_cell_is_merged():
    model = PartitionedExpertsClassifier(
        partitioner=ColumnPartitioner(0), capacity_factor=1.0, min_cell_size=60
    )
    with pytest.warns(UserWarning, match="cells have fewer than"):
        model.fit(X, TWO)
    assert model.cells_.tolist() == [-1]


def test_matching_pursuit_of_rows_of_zeros_in_a_sparse_matrix():
    rows = np.where(np.arange(len(X))[:, None] % 5, X, 0.0)
    codes = [
        SparseCoder(4, method="omp", dictionary="sample", random_state=0)
        .fit(form(rows))
        .transform(form(rows))
        .toarray()
        for form in (csr_array, csr_matrix)
    ]
    np.testing.assert_array_equal(*codes)


def test_weights_below_single_precision():
    models = [
        GatedExpertsClassifier(n_experts=3, max_iter=2, random_state=0).fit(
            X, TWO, sample_weight=np.full(len(X), weight)
        )
        for weight in (1.0, 1e-300)
    ]
    said = [model.predict_proba(X) for model in models]
    np.testing.assert_allclose(*said, atol=1e-5)


def test_no_new_rows_in_a_frame():
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = PartitionedExpertsClassifier(L1SVC(), random_state=0).fit(frame, TWO)
    with pytest.raises(ValueError, match=r"Found array with 0 sample.* of 1 is requ"):
        model.predict(frame[:0])


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_an_error_on_a_frame_has_a_note_of_its_columns(kind):
    columns = {name: X[:, j].copy() for j, name in enumerate("abcde")}
    model = PartitionedExpertsClassifier(
        L1SVC(), partitioner=ColumnPartitioner("a"), random_state=0
    )
    model.fit(kind(columns), TWO)
    columns["b"][3] = np.inf
    columns["c"][4] = np.nan
    columns["d"] = np.where(X[:, 3] > 0, "high", "low")
    missing = "X has missing or infinite values in the columns ['b', 'c']."
    text = "X has text or other objects in the columns ['d']."
    frame = kind(columns)
    with pytest.raises(CellFitError) as caught:
        model.fit(frame, TWO)
    assert caught.value.__notes__ == [missing, text]
    for method in (model.predict, model.expert_outputs):
        with pytest.raises(ValueError) as caught:
            method(frame)
        assert caught.value.__notes__[-2:] == [missing, text]
    with pytest.raises(ValueError, match="X contains") as caught:
        model.fit(np.full_like(X, np.inf), TWO)
    assert not hasattr(caught.value, "__notes__")
