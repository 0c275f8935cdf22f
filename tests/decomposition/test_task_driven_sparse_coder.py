"""TaskDrivenSparseCoder serves its task and keeps the contracts of the library."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_param_validation,
    parametrize_with_checks,
)

from skexperts import (
    PartitionedExpertsClassifier,
    SparseCoder,
    TaskDrivenSparseCoder,
)

CONFIGURATIONS = [
    TaskDrivenSparseCoder(2, max_iter=2),
    TaskDrivenSparseCoder(2, max_iter=2, dictionary="sample", alpha=0.05),
    TaskDrivenSparseCoder(2, max_iter=2, loss="squared_error", sparse_output=False),
]


def expected_failures(coder):
    reason = "batches and the first atoms are drawn by row, whatever the weights"
    return {
        "check_sample_weight_equivalence_on_dense_data": reason,
        "check_sample_weight_equivalence_on_sparse_data": reason,
    }


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, random_state=0, stratify=y)


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 6))
    return X, np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3])


@pytest.fixture
def coder():
    return TaskDrivenSparseCoder(8, max_iter=3, random_state=0)


def same(one, other):
    for name in ("components_", "coef_", "intercept_", "loss_curve_", "alpha_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.filterwarnings("ignore:all codes are zero")
@parametrize_with_checks(
    CONFIGURATIONS, expected_failed_checks=expected_failures, xfail_strict=True
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_parameters_are_validated():
    check_param_validation("TaskDrivenSparseCoder", TaskDrivenSparseCoder(2))


@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
def test_trained_atoms_serve_a_linear_model_better(loss):
    X, y = load_digits(return_X_y=True)
    plain = SparseCoder(20, alpha="auto", random_state=0)
    trained = TaskDrivenSparseCoder(20, loss=loss, random_state=0)
    scaler = StandardScaler(with_mean=False)
    errors = []
    for coder in (plain, trained):
        model = make_pipeline(coder, scaler, LogisticRegression(max_iter=300))
        cv = StratifiedKFold(3, shuffle=True, random_state=0)
        errors.append(1 - cross_val_score(model, X, y, cv=cv).mean())
    assert errors[1] < 0.7 * errors[0]
    assert errors[1] < 0.03


def test_the_loss_falls_and_the_head_classifies(digits):
    X, X_test, y, y_test = digits
    coder = TaskDrivenSparseCoder(
        40, max_iter=8, label_smoothing=0, random_state=0
    ).fit(X, y)
    curve = np.array(coder.loss_curve_)
    assert len(curve) == coder.n_iter_ == 8
    assert curve[-1] < 0.3 * curve[0]
    scores = coder.transform(X_test) @ coder.coef_.T + coder.intercept_
    assert (coder.classes_[scores.argmax(axis=1)] == y_test).mean() > 0.95
    assert (np.linalg.norm(coder.components_, axis=1) <= 1 + 1e-9).all()


def test_a_quantity_is_served_too():
    X = np.random.default_rng(0).normal(size=(600, 6))
    y = 100 + np.abs(X[:, 0]) + np.abs(X[:, 1])
    trained = TaskDrivenSparseCoder(30, learning_rate_init=0.03, random_state=0)
    trained.fit(X, y)
    assert trained.loss_ == "squared_error"
    assert not hasattr(trained, "classes_")
    assert trained.coef_.shape == (1, 30)
    answers = trained.transform(X) @ trained.coef_[0] + trained.intercept_
    plain = SparseCoder(30, alpha=trained.alpha_, random_state=0).fit(X)
    others = Ridge(1e-3).fit(plain.transform(X), y).predict(plain.transform(X))
    errors = [((each - y) ** 2).mean() for each in (answers, others)]
    assert errors[0] < 0.75 * errors[1]
    assert trained.loss_curve_[-1] * y.var() == pytest.approx(errors[0], rel=0.1)


@pytest.mark.parametrize("scale", [2.0**-10, 2.0**13])
def test_the_units_of_rows_and_of_a_quantity_have_no_part(blobs, coder, scale):
    X, _ = blobs
    y = X[:, 0] ** 2
    base = clone(coder).set_params(alpha=0.5).fit(X, y)
    other = coder.set_params(alpha=0.5 * scale).fit(scale * X, y / scale)
    np.testing.assert_allclose(other.components_, base.components_, atol=1e-6)
    np.testing.assert_allclose(
        other.transform(scale * X).toarray(),
        scale * base.transform(X).toarray(),
        atol=1e-4 * scale,
    )


@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
def test_two_classes_have_one_score(coder, loss):
    X, y = load_digits(n_class=2, return_X_y=True)
    y = np.array(["no", "yes"])[y]
    coder.set_params(loss=loss).fit(X, y)
    assert coder.coef_.shape == (1, 8)
    assert list(coder.classes_) == ["no", "yes"]
    scores = (coder.transform(X) @ coder.coef_.T + coder.intercept_)[:, 0]
    assert ((scores > 0) == (y == "yes")).mean() > 0.99


def test_sparse_rows_stay_sparse_and_give_the_same_atoms(blobs, coder):
    X, y = blobs
    X[np.abs(X) < 0.6] = 0
    dense = clone(coder).fit(X, y)
    for container in (csr_array, csr_matrix):
        found = clone(coder).fit(container(X), y)
        np.testing.assert_allclose(found.components_, dense.components_, atol=1e-4)
        codes = found.transform(container(X))
        assert issparse(codes)
        np.testing.assert_allclose(
            codes.toarray(), dense.transform(X).toarray(), atol=1e-3
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atoms_and_codes_have_the_dtype_of_the_rows(blobs, coder, dtype):
    X, y = blobs
    coder.fit(X.astype(dtype), y)
    assert coder.components_.dtype == coder.transform(X).dtype == dtype
    assert coder.coef_.dtype == np.float64
    assert coder.partial_fit(X, y).components_.dtype == dtype


def test_read_only_rows_frames_and_lists(blobs, coder):
    X, y = blobs
    expected = clone(coder).fit(X, y)
    for array in (X, y):
        array.flags.writeable = False
    same(clone(coder).fit(X, y), expected)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    coder.set_params(sparse_output=False).set_output(transform="pandas")
    codes = coder.fit(frame, pd.Series(y)).transform(frame)
    same(coder, expected)
    names = [f"taskdrivensparsecoder{k}" for k in range(8)]
    assert list(codes.columns) == list(coder.get_feature_names_out()) == names
    np.testing.assert_array_equal(codes, expected.transform(X).toarray())


def test_bits_do_not_depend_on_the_number_of_threads_or_the_layout(digits):
    X, X_test, y, _ = digits
    X, y = np.vstack([X, X_test]), np.concatenate([y, y[: len(X_test)]])
    coder = TaskDrivenSparseCoder(20, max_iter=1, random_state=0)
    expected = clone(coder).fit(X, y)
    found = clone(coder).set_params(n_jobs=2).fit(np.asfortranarray(X), y)
    same(found, expected)
    assert (found.transform(X) != expected.transform(X)).nnz == 0
    first = found.transform(X[:256]).toarray()
    np.testing.assert_array_equal(first, expected.transform(X)[:256].toarray())


def test_inverse_transform_is_codes_times_atoms(blobs, coder):
    X, y = blobs
    codes = coder.fit_transform(X, y)
    np.testing.assert_allclose(
        coder.inverse_transform(codes), codes @ coder.components_
    )
    with pytest.raises(ValueError, match="codes of this TaskDrivenSparseCoder have 8"):
        coder.inverse_transform(X)


def test_rows_of_weight_0_have_no_part(blobs, coder):
    X, y = blobs
    weights = np.ones(90)
    weights[::3] = 0
    kept = weights > 0
    junk = np.where(kept, y, 77)
    expected = clone(coder).fit(X[kept], y[kept])
    found = coder.fit(X, junk, sample_weight=weights)
    same(found, expected)
    assert list(found.classes_) == [0, 1, 2]


def test_a_weight_is_a_repetition_where_a_step_takes_all_rows(blobs):
    X, y = blobs
    weights = np.random.default_rng(1).integers(1, 4, size=90)
    repeated = np.repeat(np.arange(90), weights)
    coder = TaskDrivenSparseCoder(
        alpha=0.4,
        dictionary=X[:8],
        batch_size=1000,
        max_iter=5,
        tol=1e-10,
        random_state=0,
    )
    weighted = clone(coder).fit(X, y, sample_weight=weights)
    found = coder.fit(X[repeated], y[repeated])
    np.testing.assert_allclose(found.components_, weighted.components_, atol=1e-6)
    np.testing.assert_allclose(found.loss_curve_, weighted.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(found.coef_, weighted.coef_, rtol=0.01, atol=0.01)


def test_class_weights_multiply_sample_weights(blobs, coder):
    X, y = blobs
    factors = {0: 1.0, 1: 3.0, 2: 0.5}
    by_row = np.array([factors[label] for label in y])
    expected = clone(coder).fit(X, y, sample_weight=by_row)
    same(coder.set_params(class_weight=factors).fit(X, y), expected)


def test_a_stream_learns(digits):
    X, X_test, y, y_test = digits
    coder = TaskDrivenSparseCoder(
        40, label_smoothing=0, learning_rate_init=0.03, random_state=0
    )
    scores = []
    for _ in range(3):
        for rows in np.array_split(np.arange(len(y)), 3):
            coder.partial_fit(X[rows], y[rows], classes=np.arange(10))
        codes = coder.transform(X_test)
        answers = (codes @ coder.coef_.T + coder.intercept_).argmax(axis=1)
        scores.append((answers == y_test).mean())
    assert coder.n_iter_ == len(coder.loss_curve_) == 9
    assert scores[-1] > 0.95
    assert np.mean(coder.loss_curve_[-3:]) < 0.5 * np.mean(coder.loss_curve_[:3])


def test_a_stream_goes_on_from_a_fit_and_from_a_pickle(blobs, coder):
    X, y = blobs
    coder.fit(X, y)
    copy = pickle.loads(pickle.dumps(coder))
    before = coder.components_
    kept = before.copy()
    same(coder.partial_fit(X, y), copy.partial_fit(X, y))
    assert not np.array_equal(coder.components_, before)
    np.testing.assert_array_equal(before, kept)
    with pytest.raises(ValueError, match="n_components=3, but the dictionary"):
        coder.set_params(n_components=3).partial_fit(X, y)


def test_a_stream_knows_its_classes(blobs, coder):
    X, y = blobs
    coder.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert coder.coef_.shape == (3, 8)
    coder.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"y has the classes \[5\], which are none"):
        coder.partial_fit(X, np.where(y == 0, 5, y))
    with pytest.raises(ValueError, match="Leave classes out, or begin anew with fit"):
        coder.partial_fit(X, y, classes=[0, 1, 2, 3])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y: (X, np.zeros(90)), "y has only one class"),
        (lambda X, y: (X * np.nan, y), "contains NaN"),
        (lambda X, y: (X, np.where(y == 0, np.nan, y)), "NaN"),
        (lambda X, y: (X[:80], y), "inconsistent numbers of samples"),
        (lambda X, y: (X, None), "requires y to be passed"),
    ],
)
def test_a_failed_fit_leaves_all_as_it_was(blobs, coder, spoil, message):
    X, y = blobs
    new = clone(coder)
    with pytest.raises(ValueError, match=message):
        new.fit(*spoil(X, y))
    with pytest.raises(NotFittedError):
        new.transform(X)
    expected = clone(coder.fit(X, y)).fit(X, y)
    for method in (coder.fit, coder.partial_fit):
        if method == coder.partial_fit and "one class" in message:
            continue
        with pytest.raises(ValueError, match=message):
            method(*spoil(X, y))
        same(coder, expected)


def test_classes_are_not_for_a_quantity(blobs, coder):
    X, _ = blobs
    message = "squared_error is a loss for a quantity, which has no classes"
    with pytest.raises(ValueError, match=message):
        coder.set_params(class_weight="balanced").fit(X, X[:, 0])
    with pytest.raises(ValueError, match=message):
        coder.set_params(class_weight=None).partial_fit(X, X[:, 0], classes=[0, 1])


def test_a_variance_that_overflows_is_refused(blobs, coder):
    X, _ = blobs
    with pytest.raises(ValueError, match="whose variance overflows float64. Scale y"):
        coder.set_params(loss="squared_error").fit(X, 1e200 * X[:, 0])


def test_the_loss_of_a_stream_is_a_mean_whatever_the_unit_of_weights(blobs, coder):
    X, y = blobs
    losses = [
        clone(coder).partial_fit(X, y, sample_weight=np.full(90, unit)).loss_curve_
        for unit in (1.0, 1024.0)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-3)


@pytest.mark.parametrize("loss", ["squared_error", "auto"])
def test_a_quantity_is_all_finite_numbers(blobs, coder, loss):
    X, _ = blobs
    coder.set_params(loss="squared_error").partial_fit(X, X[:, 0]).set_params(loss=loss)
    letters = np.array(list("abc") * 30)
    for y in (letters, letters.astype(object)):
        with pytest.raises(ValueError, match="entries that are no numbers.*log_loss"):
            coder.partial_fit(X, y)
    gaps = np.where(X[:, 0] > 0, None, X[:, 0])
    with pytest.raises(ValueError, match="missing or infinite values"):
        coder.partial_fit(X, gaps)
    coder.partial_fit(X, gaps, sample_weight=X[:, 0] <= 0)


@pytest.mark.parametrize("value", [0.1, 1e9 / 3])
def test_a_quantity_that_is_constant_at_first_has_the_unit_1(blobs, coder, value):
    X, _ = blobs
    coder.set_params(loss="squared_error").partial_fit(X, np.full(90, value))
    assert coder.partial_fit(X, value + X[:, 0]).loss_curve_[-1] < 10


def test_a_quantity_far_from_0_keeps_its_precision_on_single_precision_rows(blobs):
    X = blobs[0].astype(np.float32)
    coder = TaskDrivenSparseCoder(8, max_iter=3, random_state=0)
    near, far = (
        clone(coder).fit(X, X[:, 0].astype(np.float64) + offset).intercept_ - offset
        for offset in (0, 1e9 + 30)
    )
    np.testing.assert_allclose(near, far, atol=1e-5)


@pytest.mark.filterwarnings("error")
def test_a_quantity_may_be_larger_than_whole_numbers_are(blobs, coder):
    X, _ = blobs
    assert coder.fit(X, 1e30 * X[:, 0]).loss_ == "squared_error"


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_is_finite_or_an_error(blobs, coder, method, dtype):
    X, y = blobs
    for rate in (1e3, 1e30, 1e300):
        new = clone(coder).set_params(learning_rate_init=rate, batch_size=90)
        try:
            getattr(new, method)(X.astype(dtype), y)
        except ValueError as error:
            assert "training diverged" in str(error)
            assert not hasattr(new, "components_")
        else:
            for array in (new.components_, new.coef_, new.intercept_):
                assert np.isfinite(array).all()


@pytest.mark.parametrize("first", [{"classes": [0, 1, 2]}, None])
def test_a_stream_refuses_labels_that_are_missing_or_mixed(blobs, coder, first):
    X, y = blobs
    if first is None:
        coder.partial_fit(X, y)
    spoiled = y.astype(object)
    for label, message in ((None, "y has missing labels"), ("a", "y mixes labels")):
        spoiled[3] = label
        with pytest.raises(ValueError, match=message):
            coder.partial_fit(X, spoiled, **first or {})


def test_an_alpha_at_which_all_codes_are_zero_is_said_at_transform(blobs, coder):
    X, y = blobs
    coder.set_params(alpha=1e6).fit(X, y)
    np.testing.assert_array_equal(coder.coef_, 0)
    with pytest.warns(UserWarning, match="all codes are zero: alpha=1e"):
        coder.transform(X)


def test_given_atoms_come_into_the_ball(blobs, coder):
    X, y = blobs
    atoms = 5 * X[:8]
    kept = atoms.copy()
    coder.set_params(dictionary=atoms, learning_rate_init=1e-12).fit(X, y)
    np.testing.assert_array_equal(atoms, kept)
    expected = atoms / np.maximum(1, np.linalg.norm(atoms, axis=1, keepdims=True))
    np.testing.assert_allclose(coder.components_, expected, atol=1e-9)


def test_alpha_is_found_for_given_atoms_as_they_are_in_the_ball(blobs, coder):
    X, y = blobs
    inside = X[:8] / np.linalg.norm(X[:8], axis=1)[:, None]
    alphas = [
        clone(coder).set_params(dictionary=atoms).fit(X, y).alpha_
        for atoms in (inside, 100 * inside)
    ]
    np.testing.assert_allclose(*alphas)


def test_a_stream_goes_on_with_given_atoms_whatever_their_number(blobs, coder):
    X, y = blobs
    coder.set_params(dictionary=X[:5], n_components=100).fit(X, y)
    assert coder.partial_fit(X, y).components_.shape == (5, 6)
    with pytest.raises(ValueError, match="n_components=100, but"):
        coder.set_params(dictionary="learn").partial_fit(X, y)


def test_codes_of_positive_coders_are_not_negative(blobs, coder):
    X, y = blobs
    codes = coder.set_params(positive=True).fit_transform(X, y)
    assert codes.nnz
    assert (codes.data > 0).all()


def test_it_is_tuned_in_front_of_experts(digits):
    X, _, y, _ = digits
    model = make_pipeline(
        TaskDrivenSparseCoder(20, max_iter=3, random_state=0),
        PartitionedExpertsClassifier(n_experts=4, random_state=0),
    )
    grid = {"taskdrivensparsecoder__loss": ["log_loss", "squared_hinge"]}
    search = GridSearchCV(model, grid, cv=2).fit(X[:600], y[:600])
    assert search.best_score_ > 0.85


def test_it_is_the_front_of_an_expert_in_each_cell(digits):
    X, X_test, y, y_test = digits
    expert = make_pipeline(
        TaskDrivenSparseCoder(20, max_iter=5, random_state=0),
        LogisticRegression(max_iter=1000),
    )
    model = PartitionedExpertsClassifier(expert=expert, n_experts=2, random_state=0)
    assert model.fit(X, y).score(X_test, y_test) > 0.9
