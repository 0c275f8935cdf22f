"""Cases 45 to 55: dictionaries, noise, groups of columns, and the first drafts."""

import warnings

import numpy as np
import pytest
from catalogue import case, check_outputs, refused
from grid import GATES, SCORE, TWO, X_NEW, X
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN, KMeans
from sklearn.pipeline import make_pipeline

from skexperts import (
    L1SVC,
    AlphaCombinerClassifier,
    FeatureGroups,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    SparseCoder,
)

METHODS = ("lasso", "elastic_net", "omp", "threshold")
FORMS = {"dense": np.array, "csr": csr_array}
INPUTS = {f"{m}-{f}-{p}": (m, f, p) for m in METHODS for f in FORMS for p in (0, 1)}
ATOMS = np.random.default_rng(5).normal(size=(4, X.shape[1]))


def codes(dictionary, rows, method, form, positive=0, **options):
    coder = SparseCoder(
        dictionary=dictionary, method=method, positive=bool(positive), **options
    )
    found = coder.fit(FORMS[form](rows)).transform(FORMS[form](rows)).toarray()
    assert np.isfinite(found).all()
    assert not positive or (found >= 0).all()
    return found


@case(45, "atoms that are zero", INPUTS, where=False)
def zero_atoms(_, kind):
    atoms = ATOMS.copy()
    atoms[2] = 0
    found = codes(atoms, X, *kind, alpha=0.1)
    assert (found[:, 2] == 0).all()
    assert found.any()
    np.testing.assert_allclose(
        np.delete(found, 2, axis=1),
        codes(np.delete(ATOMS, 2, axis=0), X, *kind, alpha=0.1),
        rtol=1e-2,
        atol=1e-2,
    )


@case(46, "atoms that are equal or dependent", INPUTS, where=False)
def dependent_atoms(_, kind):
    atoms = np.vstack([ATOMS, ATOMS[:2], ATOMS[0] + ATOMS[1], 1e-9 + ATOMS[3]])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = codes(atoms, X, *kind, alpha=0.1)
    assert len(caught) <= 1
    assert found.any()


BAD_ATOMS = {
    "NaN": (np.nan, "dictionary contains NaN"),
    "infinity": (np.inf, "dictionary contains infinity"),
}


@case(47, "atoms that are not finite", BAD_ATOMS, where=False)
def atoms_not_finite(_, bad):
    atoms, words = ATOMS.copy(), bad[1]
    atoms[1, 2] = bad[0]
    for form in FORMS.values():
        with refused(words):
            SparseCoder(dictionary=atoms).fit(form(X))


@case(47, "atoms of another shape", ["width", "one dimension", "none"], where=False)
def atoms_of_another_shape(_, kind):
    atoms = {"width": ATOMS[:, :3], "one dimension": ATOMS[0], "none": ATOMS[:0]}
    with refused("dictionary|features"):
        SparseCoder(dictionary=atoms[kind]).fit(X)


@case(48, "no penalty", METHODS, where=False)
def no_penalty(_, method):
    coder = SparseCoder(4, method=method, alpha=0, random_state=0)
    if method in ("lasso", "elastic_net"):
        with refused("alpha=0 is least squares and gives no zeros.*use a small alpha"):
            coder.set_params(dictionary=ATOMS).fit(X)
    with refused("alpha=0 is least squares"):
        coder.set_params(dictionary="learn").fit(X)
    if method == "threshold":
        check_outputs(coder.set_params(dictionary=ATOMS).fit(X), X_NEW)


@case(49, "penalties below 0 or NaN", [-1.0, np.nan, -np.inf, "small"], where=False)
def bad_penalties(_, alpha):
    with refused("alpha"):
        SparseCoder(4, alpha=alpha).fit(X)


@case(50, "a penalty so large that all codes are zero", INPUTS, where=False)
def penalty_too_large(_, kind):
    if kind[0] == "omp":
        return  # It takes the number of atoms, not a penalty.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = codes(ATOMS, X, *kind, alpha=1e9)
    assert not found.any()
    texts = [str(warning.message) for warning in caught]
    assert any("zero" in text and "alpha" in text for text in texts), texts


@case(50, "a partition of codes that are all zero", GATES, where=False)
def partition_of_zeros(_, gate):
    coder = SparseCoder(4, alpha=1e9, random_state=0)
    front = make_pipeline(coder, KMeans(3, n_init=1))
    model = PartitionedExpertsClassifier(partitioner=front, gate=gate, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_outputs(model.fit(X, TWO), X_NEW)
    assert any("alpha" in str(warning.message) for warning in caught)
    assert model.n_experts_ == 1


@case(51, "rows of zeros in dictionary learning", [0.5, 0.98, 1.0], where=False)
def rows_of_zeros(_, share):
    rows = X.copy()
    rows[: int(share * len(X))] = 0
    for form in FORMS.values():
        coder = SparseCoder(6, alpha=0.1, random_state=0).fit(form(rows))
        assert np.isfinite(coder.components_).all()
        assert not coder.transform(form(rows)).toarray()[: int(share * len(X))].any()


@case(52, "DBSCAN that calls all rows noise", GATES, where=False)
def all_noise(_, gate):
    kinds = PartitionedExpertsClassifier, PartitionedExpertsRegressor
    for kind, y in zip(kinds, (TWO, SCORE[: len(X)]), strict=True):
        model = kind(partitioner=DBSCAN(eps=1e-9, min_samples=5), gate=gate)
        with pytest.warns(UserWarning, match="DBSCAN found no cell: all 90 rows are"):
            model.fit(X, y)
        assert model.n_experts_ == 1
        check_outputs(model, X_NEW)


@case(53, "new rows for DBSCAN", GATES, where=False)
def new_rows_of_dbscan(_, gate):
    model = PartitionedExpertsClassifier(
        partitioner=DBSCAN(eps=2.0, min_samples=4), gate=gate, top_k=1, random_state=0
    ).fit(X, TWO)
    labels = model.partitioner_.labels_
    assert (labels < 0).any()
    far = np.full((1, X.shape[1]), 50.0)
    noise = X[labels < 0][:1]
    for row in (noise, noise + 1e-9):
        assert model.cells_[model.route(row).toarray()[0] > 0].tolist() == [-1]
    check_outputs(model, np.vstack([X_NEW, far]))


GROUPS = {
    "empty": [[0, 1], []],
    "outside": [[0, 1], [7]],
    "negative": [[0, 1], [-9]],
    "unknown name": [["a"], ["zz"]],
    "twice": [[0, 0], [1]],
    "fractions": [[0.5], [1]],
    "truth values": [[True, False], [True]],
    "no group": [],
    "a number": 0,
    "text": "abc",
}


@case(54, "groups of columns that cannot be", GROUPS, where=False)
def bad_groups(_, groups):
    model = PartitionedExpertsClassifier(partitioner=FeatureGroups(groups))
    with refused("group"):
        model.fit(X, TWO)


@case(54, "a group of columns that are constant", GATES, where=False)
def group_of_constants(_, gate):
    rows = X.copy()
    rows[:, 3:] = 2.0
    groups = FeatureGroups([[0, 1, 2], [3, 4]])
    model = PartitionedExpertsClassifier(partitioner=groups, gate=gate, random_state=0)
    check_outputs(model.fit(rows, TWO), rows)


@case(
    55, "slips of a first draft", ["import", "arrays of C", "two outputs"], where=False
)
def slips(_, kind):
    if kind == "import":
        with pytest.raises(ImportError, match="cannot import name 'Lasso'"):
            exec("from skexperts.decomposition import Lasso")
    elif kind == "arrays of C":
        with refused("The 'C' parameter of L1SVC must be"):
            L1SVC(C=np.ones(3)).fit(X, TWO)
    else:
        three = [
            (name, L1SVC(C=c)) for name, c in zip("abc", (1, 0.1, 10), strict=True)
        ]
        model = AlphaCombinerClassifier(three, alpha=[0.2, 0.3, 0.5]).fit(X, TWO)
        parts = [part.predict_proba(X_NEW) for part in model.estimators_]
        mixed = np.tensordot([0.2, 0.3, 0.5], parts, axes=1)
        np.testing.assert_allclose(model.predict_proba(X_NEW), mixed, rtol=1e-12)
