"""Cases 81 to 107: models before, between and after fits, and their numbers."""

import pickle
import warnings

import joblib
import numpy as np
from catalogue import case, check_outputs, refused
from grid import TWO, X_NEW, X
from models import says
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC

from skexperts import DistanceGate, PartitionedExpertsClassifier


def as_bytes(estimator):
    return joblib.hash(estimator)


@case(82, "predict without a fit")
def unfitted(model, _):
    new = model.make()
    for name in ("predict", "predict_proba", "decision_function", "route", "transform"):
        if hasattr(new, name):
            with refused("not fitted yet", NotFittedError):
                getattr(new, name)(X_NEW)


@case(83, "a copy of a model whose fit has failed")
def copy_of_a_failed_fit(model, _):
    new = model.make()
    with refused("Found array with 0 feature|0 sample"):
        new.fit(X[:, :0], model.y)
    copy = pickle.loads(pickle.dumps(new))
    with refused("not fitted yet", NotFittedError):
        says(copy, X_NEW)


CHANGES = {
    "top_k": 1,
    "n_experts": 1,
    "gate": "sigmoid",
    "expert": None,
    "min_cell_size": 60,
    "alpha": 7.0,
    "C": 1e-3,
    "n_components": 2,
    "method": "threshold",
    "strategy": "pagerank",
    "k": 1,
    "max_iter": 1,
    "shared": True,
    "n_jobs": 2,
}


@case(84, "parameters set after fit", CHANGES)
def parameters_after_fit(model, name):
    own = [key for key, value in CHANGES.items() if value is name or value == name]
    fitted = model.fit()
    own = [key for key in own if key in fitted.get_params(deep=False)]
    answers = says(fitted, X_NEW)
    for key in own:
        fitted.set_params(**{key: CHANGES[key]})
        np.testing.assert_array_equal(says(fitted, X_NEW), answers)


@case(85, "a clone")
def a_clone(model, _):
    fitted = model.fit()
    copy = clone(fitted)
    assert vars(copy).keys() == vars(model.make()).keys()
    with refused("not fitted yet", NotFittedError):
        says(copy, X_NEW)
    np.testing.assert_array_equal(
        says(copy.fit(X, model.y), X_NEW), says(fitted, X_NEW)
    )


@case(86, "what is passed is not changed")
def parts_unchanged(model, _):
    new = model.make()
    before = {name: as_bytes(value) for name, value in new.get_params().items()}
    says(new.fit(X, model.y), X_NEW)
    after = {name: as_bytes(value) for name, value in new.get_params().items()}
    assert after == before


def parts_of(X):
    return [X.data, X.indices, X.indptr] if issparse(X) else [X]


@case(87, "data are not changed", ["dense", "weights", "csr"])
def data_unchanged(model, form):
    if form == "csr" and not model.takes_sparse:
        return
    convert = csr_array if form == "csr" else np.array
    given = [convert(X), None if model.y is None else model.y.copy(), convert(X_NEW)]
    more = {"sample_weight": np.ones(len(X))} if form == "weights" else {}
    arrays = [*parts_of(given[0]), given[1], *parts_of(given[2]), more]
    before = as_bytes(arrays)
    says(model.make().fit(*given[:2], **more), given[2])
    assert as_bytes(arrays) == before


class Drawing(ClassifierMixin, BaseEstimator):
    """Answers by chance, of a generator that it is given."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        generator = np.random.RandomState(self.random_state)
        self.number_ = generator.random_sample()
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[int(self.number_ * len(self.classes_))])


def numbers(model):
    return {
        cell: expert.number_
        for cell, expert in zip(model.cells_, model.experts_, strict=True)
        if hasattr(expert, "number_")
    }


def drawing(n_cells, random_state=0, **more):
    model = PartitionedExpertsClassifier(
        Drawing(), n_experts=n_cells, min_cell_size=1, random_state=random_state
    )
    return numbers(model.set_params(**more).fit(X, TWO))


@case(88, "a generator as random_state", ["threading", "loky"], where=False)
def generator_as_seed(_, backend):
    one = drawing(5, np.random.RandomState(3))
    with joblib.parallel_config(backend):
        two = drawing(5, np.random.RandomState(3), n_jobs=2)
    assert one == two
    assert len(set(one.values())) == len(one)


@case(89, "one cell more", [3, 5, 8], where=False)
def one_cell_more(_, n_cells):
    few, more = drawing(n_cells), drawing(n_cells + 1)
    assert all(more[cell] == number for cell, number in few.items() if cell in more)


@case(95, "a candidate of a search that fails", where=lambda m: m.partitioner)
def candidate_fails(model, _):
    y = TWO if model.classifies else model.y
    search = GridSearchCV(model.make(), {"min_cell_size": [10, 0]}, cv=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    assert any(issubclass(one.category, FitFailedWarning) for one in caught)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
    check_outputs(search.best_estimator_, X_NEW)


@case(96, "experts that do not converge", [1, 2], where=False)
def no_convergence(_, n_jobs):
    expert = LinearSVC(penalty="l1", dual=False, tol=1e-12, max_iter=1)
    model = PartitionedExpertsClassifier(
        expert, n_experts=5, min_cell_size=1, n_jobs=n_jobs, random_state=0
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, TWO)
    kinds = [one for one in caught if issubclass(one.category, ConvergenceWarning)]
    assert len(kinds) == 1


@case(98, "ties", where=lambda m: m.partitioner)
def ties(model, _):
    if model.gate != "hard" or model.partitioner not in ("kmeans", "codes"):
        return
    new = model.make().set_params(partitioner=KMeans(2, n_init=1, random_state=0))
    fitted = new.fit(X, model.y)
    centers = fitted.partitioner_.cluster_centers_
    middle = np.repeat(centers.mean(axis=0)[None], 7, axis=0)
    batch, alone = fitted.route(middle).toarray(), fitted.route(middle[:1]).toarray()
    np.testing.assert_array_equal(batch, np.repeat(alone, 7, axis=0))


@case(99, "sums of probabilities", ["f8", "f4"], where=lambda m: m.classifies)
def sums_of_probabilities(model, dtype):
    fitted = model.fit(X.astype(dtype))
    rows = np.random.default_rng(0).normal(scale=9, size=(300, X.shape[1]))
    check_outputs(fitted, rows.astype(dtype))


@case(100, "new rows very far away", [1e6, 1e15, 1e100, 1e200])
def far_rows(model, distance):
    fitted = model.fit()
    rows = X_NEW + distance * np.sign(X_NEW + 0.1)
    try:
        with np.errstate(all="ignore"):
            check_outputs(fitted, rows)
    except ValueError as error:
        words = "overflow", "Scale X", "float32", "NaN or infinity"
        assert any(word in str(error) for word in words), error


@case(
    101,
    "temperatures",
    [0.0, 1e-300, 1e-9, 1.0, 1e9, 1e300],
    where=lambda m: m.partitioner,
)
def temperatures(model, temperature):
    if model.gate != "distance":
        return
    fitted = model.make().set_params(gate=DistanceGate(temperature)).fit(X, model.y)
    check_outputs(fitted, X_NEW)
    if temperature < 1e-6 and model.partitioner not in ("random", "groups"):
        hard = model.make().set_params(gate="hard").fit(X, model.y)
        routing = fitted.route(X_NEW)
        np.testing.assert_array_equal(routing.toarray(), hard.route(X_NEW).toarray())
    if temperature == 1e300 and model.partitioner in ("kmeans", "scaled", "codes"):
        routing = fitted.route(X_NEW).toarray()
        np.testing.assert_allclose(routing, 1 / fitted.n_experts_, rtol=1e-9)


@case(101, "temperatures that cannot be", [-1.0, np.nan, np.inf, "warm"], where=False)
def bad_temperatures(_, temperature):
    with refused("The 'temperature' parameter of DistanceGate must be"):
        PartitionedExpertsClassifier(gate=DistanceGate(temperature)).fit(X, TWO)


@case(102, "labels in another order", where=lambda m: m.classifies)
def order_of_labels(model, _):
    y = model.y
    classes = np.unique(y)
    fitted = model.fit()
    renamed = np.array([f"{len(classes) - i}" for i in range(len(classes))])
    other = model.fit(y=renamed[np.searchsorted(classes, y)])
    assert other.classes_.tolist() == sorted(renamed)
    check_outputs(other, X_NEW)
    # Trees break ties by the order of the classes, descents end near the optimum.
    if model.expert in ("tree", "bayes", "") or len(classes) > 2:
        return
    if model.gate in ("hard", "distance", "auto", ""):
        np.testing.assert_allclose(
            other.predict_proba(X_NEW)[:, ::-1],
            fitted.predict_proba(X_NEW),
            rtol=0,
            atol=0.05,
        )


@case(105, "batches of another size", [1, 7])
def batches(model, size):
    fitted = model.fit()
    parts = [says(fitted, X[i : i + size]) for i in range(0, 28, size)]
    np.testing.assert_allclose(
        np.vstack(parts), says(fitted, X[:28]), rtol=1e-6, atol=1e-9
    )


@case(106, "alpha on the simplex", where=lambda m: "alpha" in m.name)
def simplex(model, _):
    rng = np.random.default_rng(0)
    for _ in range(20):
        y = rng.permutation(model.y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            fitted = model.fit(y=y)
        assert (fitted.alpha_ >= 0).all()
        assert abs(fitted.alpha_.sum() - 1) < 1e-12


@case(107, "more experts asked for than live", [5, 1000], where=lambda m: m.routes)
def more_than_live(model, top_k):
    new = model.make().set_params(top_k=top_k)
    fitted = new.fit(X, model.y)
    assert fitted.route(X_NEW).shape[1] == fitted.n_experts_
    check_outputs(fitted, X_NEW)
