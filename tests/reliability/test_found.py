"""What the catalogue and the random compositions have found, each once."""

import numpy as np
import pandas as pd
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
