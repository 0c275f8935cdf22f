"""Dictionaries learned at once, in pieces, and with weights."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import MiniBatchDictionaryLearning

from skexperts.decomposition import SparseCoder


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data
    X = X - X.mean(axis=1, keepdims=True)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def objective(X, atoms, alpha):
    coder = SparseCoder(dictionary=atoms, alpha=alpha, tol=1e-8).fit(X)
    codes = coder.transform(X)
    left = X - coder.inverse_transform(codes)
    return (0.5 * np.sum(left**2) + alpha * abs(codes).sum()) / len(X)


def test_the_objective_is_not_above_that_of_scikit_learn(digits):
    train, test = digits[:1400], digits[1400:]
    ours = SparseCoder(60, alpha=0.1, random_state=0).fit(train)
    theirs = MiniBatchDictionaryLearning(
        60, alpha=0.1, fit_algorithm="cd", random_state=0
    ).fit(train)
    assert objective(test, ours.components_, 0.1) <= objective(
        test, theirs.components_, 0.1
    )


def test_the_history_is_that_of_the_objective(digits):
    coder = SparseCoder(40, alpha=0.1, random_state=0).fit(digits)
    assert len(coder.objective_) == coder.n_iter_
    assert coder.objective_[-1] < 0.95 * coder.objective_[0]
    final = objective(digits, coder.components_, 0.1)
    assert final < coder.objective_[-1] < 1.05 * final


def test_pieces_teach_as_well_as_all_rows_at_once(digits):
    whole = SparseCoder(40, alpha=0.1, random_state=0).fit(digits)
    pieces = SparseCoder(40, alpha=0.1, random_state=0)
    for _ in range(6):
        for part in np.array_split(digits, 9):
            pieces.partial_fit(part)
    assert pieces.n_iter_ == len(pieces.objective_) == 54
    assert objective(digits, pieces.components_, 0.1) < 1.02 * objective(
        digits, whole.components_, 0.1
    )
    limit = np.abs(digits @ pieces.components_.T).max()
    assert pieces.max_useful_alpha_ >= 0.5 * limit


def test_a_stream_may_begin_with_few_rows_and_with_none(digits):
    coder = SparseCoder(30, alpha=0.1, random_state=0)
    coder.partial_fit(np.zeros((4, 64)))
    assert not coder.components_.any()
    for start in range(0, 600, 60):
        coder.partial_fit(digits[start : start + 60])
    assert coder.components_.any(axis=1).all()
    assert objective(digits, coder.components_, 0.1) < 0.3


def test_a_failed_piece_leaves_the_coder_as_it_was(digits):
    coder = SparseCoder(10, alpha=0.1, random_state=0).partial_fit(digits[:300])
    before = coder.components_.copy(), coder._statistics.codes.copy()
    with pytest.raises(ValueError, match="NaN"):
        coder.partial_fit(np.full((3, 64), np.nan))
    with pytest.raises(ValueError, match="features"):
        coder.partial_fit(digits[:, :9])
    np.testing.assert_array_equal(coder.components_, before[0])
    np.testing.assert_array_equal(coder._statistics.codes, before[1])
    assert coder.n_iter_ == 1


def test_only_a_learned_dictionary_is_learned_in_pieces():
    assert hasattr(SparseCoder(), "partial_fit")
    assert not hasattr(SparseCoder(dictionary="sample"), "partial_fit")


def test_rows_of_no_weight_and_rows_of_zeros_teach_nothing(digits):
    X = np.vstack([digits[:300], 5 * digits[300:400], np.zeros((20, 64))])
    weights = np.r_[np.ones(300), np.zeros(100), np.ones(20)]
    coder = SparseCoder(20, alpha=0.1, random_state=0)
    expected = coder.fit(digits[:300]).components_
    np.testing.assert_array_equal(
        coder.fit(X, sample_weight=weights).components_, expected
    )


def test_weights_turn_the_dictionary(digits):
    y = load_digits().target
    atoms = {
        heavy: SparseCoder(10, alpha=0.1, random_state=0)
        .fit(digits, sample_weight=np.where(y == heavy, 50.0, 1.0))
        .components_
        for heavy in (0, 1)
    }
    for heavy, other in ((0, 1), (1, 0)):
        rows = digits[y == heavy]
        assert objective(rows, atoms[heavy], 0.1) < objective(rows, atoms[other], 0.1)


@pytest.mark.parametrize("method", ["lasso", "elastic_net", "threshold"])
@pytest.mark.parametrize("dictionary", ["learn", "sample", "identity"])
def test_automatic_alpha_gives_the_density_asked_for(digits, method, dictionary):
    coder = SparseCoder(
        50,
        method=method,
        alpha="auto",
        n_nonzero_coefs=5,
        dictionary=dictionary,
        random_state=0,
    )
    codes = coder.fit_transform(digits)
    assert 4 < codes.nnz / len(digits) < 6
    assert 0 < coder.alpha_ < coder.max_useful_alpha_


def test_a_stream_keeps_its_automatic_alpha(digits):
    coder = SparseCoder(20, alpha="auto", random_state=0).partial_fit(digits[:500])
    alpha = coder.alpha_
    assert coder.partial_fit(10 * digits[500:]).alpha_ == alpha


def test_dead_atoms_come_back(digits):
    coder = SparseCoder(30, alpha=0.1, random_state=0).partial_fit(digits[:500])
    coder.components_[7] = 0
    coder.partial_fit(digits[500:])
    assert coder.components_[7].any()


def test_sparse_rows_teach_what_dense_rows_teach(digits):
    X = np.where(np.abs(digits) < 0.1, 0, digits)
    dense, sparse = (
        SparseCoder(20, alpha=0.1, random_state=0).fit(container(X))
        for container in (np.asarray, csr_array)
    )
    np.testing.assert_allclose(sparse.components_, dense.components_, atol=1e-6)
    np.testing.assert_allclose(sparse.objective_, dense.objective_, rtol=1e-6)


def test_a_refit_forgets_what_was_learned(digits):
    coder = SparseCoder(20, alpha=0.1, random_state=0).fit(digits)
    coder.set_params(dictionary="sample", n_components=1).fit(digits)
    assert not hasattr(coder, "objective_")
    coder.set_params(dictionary="learn").partial_fit(digits[:100])
    expected = SparseCoder(1, alpha=0.1, random_state=0).partial_fit(digits[:100])
    np.testing.assert_array_equal(coder.components_, expected.components_)


def test_a_stream_cannot_change_the_number_of_atoms(digits):
    coder = SparseCoder(20, alpha=0.1, random_state=0).fit(digits)
    with pytest.raises(ValueError, match="n_components=7, but .* has 20 atoms"):
        coder.set_params(n_components=7).partial_fit(digits)


@pytest.mark.parametrize("method", ["lasso", "elastic_net", "threshold"])
def test_a_stream_has_the_density_asked_for(digits, method):
    coder = SparseCoder(
        20, method=method, alpha="auto", n_nonzero_coefs=5, random_state=0
    )
    coder.partial_fit(np.zeros((5, 64)))
    for part in np.array_split(digits, 3):
        coder.partial_fit(part)
    assert 3 < coder.transform(digits).nnz / len(digits) < 7


def test_a_pursuit_goes_on_with_the_penalty_it_learned_with(digits):
    coder = SparseCoder(20, method="omp", alpha="auto", random_state=0).fit(digits)
    alpha = coder.alpha_
    assert alpha < 0.9
    coder.partial_fit(digits)
    assert coder.alpha_ == alpha
    assert coder.objective_[-1] < 1.05 * coder.objective_[-2]


def test_zeros_fix_no_penalty_of_a_pursuit(digits):
    coder = SparseCoder(20, method="omp", alpha="auto", random_state=0)
    coder.partial_fit(np.zeros((5, 64)))
    coder.partial_fit(digits)
    assert coder.alpha_ < 0.9


def test_many_equal_rows_are_no_long_search():
    X = csr_array(np.tile(np.eye(3), (20_000, 1)))
    coder = SparseCoder(10, alpha=0.1, random_state=0).partial_fit(X)
    assert coder.components_.any(axis=1).sum() >= 3


METHODS = ["lasso", "elastic_net", "omp", "threshold"]


def fixed(coder):
    """Return a coder with the atoms of another one as given dictionary."""
    return clone(coder).set_params(dictionary=coder.components_.copy())


@pytest.mark.parametrize("method", METHODS)
def test_codes_are_those_of_the_atoms_of_the_last_piece(digits, method):
    coder = SparseCoder(20, method=method, alpha=0.1, random_state=0)
    for part in np.array_split(digits, 3):
        coder.partial_fit(part)
        expected = fixed(coder).fit(part).transform(digits).toarray()
        np.testing.assert_array_equal(coder.transform(digits).toarray(), expected)
        np.testing.assert_array_equal(coder.transform(digits).toarray(), expected)
    coder.fit(digits[:200])
    expected = fixed(coder).fit(digits).transform(digits).toarray()
    np.testing.assert_array_equal(coder.transform(digits).toarray(), expected)


@pytest.mark.parametrize("method", METHODS)
def test_parameters_set_after_a_piece_wait_for_the_next(digits, method):
    coder = SparseCoder(20, method=method, alpha=0.1, random_state=0)
    coder.partial_fit(digits)
    expected = pickle.loads(pickle.dumps(coder)).transform(digits).toarray()
    other = "omp" if method == "lasso" else "lasso"
    coder.set_params(method=other, alpha=0.5, n_nonzero_coefs=2, positive=True, tol=0.1)
    np.testing.assert_array_equal(coder.transform(digits).toarray(), expected)


def test_threads_may_ask_for_codes_at_once(digits):
    coder = SparseCoder(20, alpha=0.1, random_state=0).partial_fit(digits)
    expected = pickle.loads(pickle.dumps(coder)).transform(digits[:300]).toarray()
    with ThreadPoolExecutor(8) as pool:
        for codes in pool.map(coder.transform, [digits[:300]] * 16):
            np.testing.assert_allclose(codes.toarray(), expected, atol=1e-12)


def test_a_failed_piece_leaves_the_codes_as_they_were(digits):
    coder = SparseCoder(10, alpha=0.1, random_state=0).partial_fit(digits[:300])
    expected = pickle.loads(pickle.dumps(coder)).transform(digits).toarray()
    with pytest.raises(ValueError, match="NaN"):
        coder.partial_fit(np.full((3, 64), np.nan))
    np.testing.assert_array_equal(coder.transform(digits).toarray(), expected)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_the_largest_useful_alpha_of_a_stream_is_that_of_its_steps(
    digits, method, positive, container
):
    X, useful = container(digits), 0.0
    coder = SparseCoder(
        20, method=method, alpha=0.05, l1_ratio=0.7, positive=positive, random_state=0
    ).partial_fit(X[:300])
    useful = coder.max_useful_alpha_
    for start, scale in ((300, 0.5), (600, 2.0), (900, 1.0)):
        products = scale * digits[start : start + 300] @ coder.components_.T
        largest = products.max() if positive else np.abs(products).max()
        useful = max(useful, largest / (0.7 if method == "elastic_net" else 1))
        coder.partial_fit(scale * X[start : start + 300])
        assert coder.max_useful_alpha_ == pytest.approx(useful, rel=1e-12)
        assert (coder.max_useful_alpha_ == np.inf) == (method == "omp")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("method", ["lasso", "elastic_net"])
@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_the_objective_of_a_piece_is_that_of_its_codes(
    digits, method, weighted, container
):
    coder = SparseCoder(20, method=method, alpha=0.1, tol=1e-4, random_state=0)
    coder.partial_fit(container(digits[:500]))
    rows = digits[500:1000]  # one step
    weights = np.random.default_rng(0).random(500) + 0.1 if weighted else None
    codes = coder.transform(rows).toarray()
    values = 0.5 * ((rows - codes @ coder.components_) ** 2).sum(axis=1)
    share = 0.5 if method == "elastic_net" else 1.0
    values += 0.1 * share * np.abs(codes).sum(axis=1)
    values += 0.05 * (1 - share) * (codes**2).sum(axis=1)
    coder.partial_fit(container(rows), sample_weight=weights)
    expected = np.average(values, weights=weights)
    assert coder.objective_[-1] == pytest.approx(expected, rel=1e-9)


def test_tiny_rows_are_not_rows_of_zeros(digits):
    coder = SparseCoder(5, alpha=1e-200, random_state=0).partial_fit(1e-170 * digits)
    assert coder.components_.any(axis=1).all()
