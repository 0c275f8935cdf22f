"""What the gated classifier and regressor have in common."""

import warnings
from abc import ABCMeta, abstractmethod
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._numeric.gated_experts import (
    GatedData,
    GatedExperts,
    combined_outputs,
    routed_outputs,
)
from skexperts._parallel import run_tasks, users_stacklevel
from skexperts._rows import take_rows
from skexperts._sklearn import Interval, StrOptions, align_sparse_api
from skexperts._validation import (
    drop_weightless,
    validate_fit,
    validate_predict,
    validate_sample_weight,
)
from skexperts.ensemble._gated_training import (
    Settings,
    Validation,
    one_pass,
    place_gates,
    train,
)

# Batches of "auto": 64 to a pass, of so many rows at least and at most.
_BATCHES, _LEAST_BATCH, _LARGEST_BATCH = 64, 16, 256
# There are no more experts than one for so many rows.
_ROWS_PER_EXPERT = 10
# Steps after which the rate of a stream has fallen to 1 / sqrt(2).
_STREAM_STEPS = 1000
# The largest error in standard deviations of y that the Huber loss squares.
_HUBER_DELTA = 0.5
_MAX_SEED = np.iinfo(np.int32).max


class BaseGatedExperts(DocLinkMixin, BaseEstimator, metaclass=ABCMeta):
    """Linear experts and a linear gate, trained jointly; subclasses say what y is."""

    _parameter_constraints: dict = {
        "n_experts": [Interval(Integral, 1, None, closed="left")],
        "top_k": [Interval(Integral, 1, None, closed="left")],
        "gate": [StrOptions({"softmax", "sigmoid"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "balance": [Interval(Real, 0, None, closed="left")],
        "shared": ["boolean"],
        "init": [StrOptions({"kmeans", "uniform", "normal"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def _learn_target(self, y, sample_weight):
        """Set what is to be known of y, besides classes."""

    @abstractmethod
    def _encode(self, y):
        """Return labels or None, and targets or None, for training."""

    @abstractmethod
    def _split(self, y, seed):
        """Return the numbers of the rows to train on and to validate on."""

    @property
    @abstractmethod
    def _n_outputs(self):
        """Number of outputs of an expert."""

    def _smoothing(self):
        return 0.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _settings(self, n_rows):
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = np.clip(n_rows // _BATCHES, _LEAST_BATCH, _LARGEST_BATCH)
        return Settings(
            loss=self.loss,
            label_smoothing=self._smoothing(),
            delta=_HUBER_DELTA,
            alpha=self.alpha,
            l2=self.l2,
            balance=self.balance,
            learning_rate_init=self.learning_rate_init,
            batch_size=int(min(batch_size, n_rows)),
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
        )

    def _n_experts_for(self, n_rows):
        return min(self.n_experts, max(1, n_rows // _ROWS_PER_EXPERT))

    def _new_models(self, X, sample_weight, seeds):
        models = []
        for seed in seeds:
            model = GatedExperts.zeros(
                X.shape[1],
                self._n_outputs,
                self._n_experts_for(X.shape[0]),
                top_k=self.top_k,
                gate=self.gate,
                shared=self.shared,
                dtype=np.float32,
            )
            place_gates(model, X, sample_weight, self.init, seed)
            models.append(model)
        return models

    def _seeds(self):
        return check_random_state(self.random_state).randint(
            _MAX_SEED, size=self.n_estimators
        )

    def _fit(self, X, y, sample_weight):
        """Train on validated rows of positive weight."""
        seeds, X = self._seeds(), _to_float32(X)
        rows, score = slice(0, len(y)), None
        if self.early_stopping:
            rows, left_out = self._split(y, int(seeds[0]))
        models = self._warm_models(len(y[rows]), X.shape[1])
        if models is None:
            # Also the unit of y begins anew.
            self._learn_target(y, sample_weight)
        if self.early_stopping:
            score = Validation(
                take_rows(X, left_out),
                *self._encode(y[left_out]),
                None if sample_weight is None else sample_weight[left_out],
            )
        X, y = take_rows(X, rows), y[rows]
        sample_weight = None if sample_weight is None else sample_weight[rows]
        if models is None:
            models = self._new_models(X, sample_weight, seeds)
        if sample_weight is not None:
            sample_weight = sample_weight / sample_weight.mean()
        data = _training_data(X, *self._encode(y), sample_weight)
        runs = run_tasks(
            train,
            list(zip(models, seeds.tolist(), strict=True)),
            common=(self._settings(X.shape[0]), data, score, []),
            n_jobs=self.n_jobs,
        )
        runs = [run for run in runs if run is not None]
        # A restart interrupted in its first pass would only blur the others.
        runs = [run for run in runs if run.loss_curve] or runs[:1]
        self._publish([run.model for run in runs])
        self.loss_curve_ = runs[0].loss_curve
        self.n_iter_ = len(self.loss_curve_)
        if score is not None:
            self.validation_scores_ = runs[0].scores
        self._report(runs)

    def _publish(self, models):
        """Set the attributes that say what was learned."""
        vars(self).pop("pruning_report_", None)
        self._models = models
        first, n = models[0], self._n_outputs
        self.n_experts_ = len(models) * first.n_experts
        lines = np.concatenate([model.lines[: first.n_experts] for model in models])
        scale, mean = self._output_scale()
        self.coef_ = lines[:, :n, :-1] * scale[:, None]
        self.intercept_ = lines[:, :n, -1] * scale + mean
        self.gate_coef_, self.gate_intercept_ = lines[:, n, :-1], lines[:, n, -1]
        if first.table.shape[0] > first.n_experts:
            shared = np.mean([model.lines[-1, :n] for model in models], axis=0)
            self.shared_coef_ = shared[:, :-1] * scale[:, None]
            self.shared_intercept_ = shared[:, -1] * scale

    def _output_scale(self):
        """Return by how much outputs are multiplied, and what is added then."""
        return np.ones(self._n_outputs), np.zeros(self._n_outputs)

    def _forget(self, models=False):
        """Remove what another fit would leave behind, also the models if asked for."""
        names = ["shared_coef_", "shared_intercept_", "validation_scores_", "_streams"]
        for name in names + ["_models"] * models:
            vars(self).pop(name, None)

    def _report(self, runs):
        usage = np.concatenate([run.usage for run in runs])
        self.fit_report_ = {
            "expert": np.arange(self.n_experts_),
            "estimator": np.repeat(np.arange(len(runs)), len(runs[0].usage)),
            "n_routed": usage,
            "n_nonzero": np.count_nonzero(self.coef_, axis=(1, 2)),
            "n_reseeded": np.concatenate([run.n_reseeded for run in runs]),
        }
        n_dead = np.count_nonzero(usage == 0)
        if n_dead and runs[0].loss_curve:
            warnings.warn(
                f"{n_dead} of {self.n_experts_} experts serve no training row at the "
                f"end: see fit_report_. Raise balance={self.balance} or lower "
                f"n_experts={self.n_experts}.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )

    def _warm_models(self, n_rows, n_features):
        """Return the models to go on from, None if there are none that fit."""
        models = getattr(self, "_models", None)
        if not self.warm_start or models is None or len(models) != self.n_estimators:
            return None
        shape = n_features, self._n_outputs, self._n_experts_for(n_rows)
        for model in models:
            old = model.n_features, model.n_outputs, model.n_experts
            if old != shape or len(model.table) - model.n_experts != self.shared:
                return None
        return [
            replace(model, top_k=min(self.top_k, shape[2]), gate=self.gate)
            for model in models
        ]

    def _partial_fit(self, X, y, sample_weight):
        """Take one pass over validated rows of positive weight."""
        X = _to_float32(X)
        if not hasattr(self, "_models"):
            self._learn_target(y, sample_weight)
            self._publish(self._new_models(X, sample_weight, self._seeds()))
            self.loss_curve_, self.n_iter_ = [], 0
        settings = self._settings(X.shape[0])
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        data = _training_data(X, *self._encode(y), weights)
        old = getattr(self, "_streams", None)
        streams, losses = [], []
        for number, model in enumerate(self._models):
            adam = settings.adam(replace(model, table=model.table.copy()), data)
            if old is not None:
                adam.go_on(old[number])
            n_batches = -(-len(y) // adam.batch_size)
            steps = adam.n_steps + np.arange(n_batches)
            rates = self.learning_rate_init / np.sqrt(1 + steps / _STREAM_STEPS)
            seed = [number, adam.n_steps]
            order = np.random.RandomState(seed).permutation(len(y))
            losses.append(one_pass(adam, order, rates, self.n_iter_)[0] / len(y))
            streams.append(adam.forget_rows())
        self._streams = streams
        self._publish([adam.model for adam in streams])
        self.loss_curve_ = [*self.loss_curve_, float(np.mean(losses))]
        self.n_iter_ += 1

    def _validate_new(self, X):
        check_is_fitted(self)
        return _to_float32(validate_predict(self, X))

    def _combine(self, X):
        X = self._validate_new(X)
        combined = np.zeros((X.shape[0], self._n_outputs))
        for model in self._models:
            combined += combined_outputs(model, X)
        _check_outputs(combined, X)
        scale, mean = self._output_scale()
        return combined / len(self._models) * scale + mean

    def _routed(self, X):
        """Return experts, weights and outputs of the routed pairs, row by row."""
        parts = [routed_outputs(model, X) for model in self._models]
        size = self._models[0].n_experts
        for part in parts:
            _check_outputs(part[1], X)
        chosen = np.hstack([part[0] + i * size for i, part in enumerate(parts)])
        weights = np.hstack([part[1] for part in parts]).astype(np.float64)
        weights /= weights.sum(axis=1, keepdims=True)
        return chosen, weights, np.concatenate([part[2] for part in parts], axis=1)

    def route(self, X):
        """Return which experts serve each row, and with which weights.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        routing : CSR of shape (n_samples, n_experts_)
            Weights that are not negative, ``top_k * n_estimators`` a row; each row
            sums to 1.
        """
        chosen, weights, _ = self._routed(self._validate_new(X))
        n_rows, width = chosen.shape
        indptr = np.arange(0, n_rows * width + 1, width, dtype=np.int32)
        return align_sparse_api(
            csr_array(
                (weights.ravel(), chosen.ravel(), indptr),
                shape=(n_rows, self.n_experts_),
            )
        )

    def expert_outputs(self, X):
        """Return the outputs of the experts for the routed pairs of row and expert.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        outputs : ndarray of shape (n_pairs, n_outputs)
            Row p is for the pair stored at ``route(X).data[p]``. The sum over the pairs
            of each row, weighted by the routing, is the output of the model, but for
            what a shared expert adds to all rows.
        """
        outputs = self._routed(self._validate_new(X))[2]
        scale, mean = self._output_scale()
        return outputs.reshape(-1, self._n_outputs) * scale + mean

    @property
    def sparse_coef_(self):
        """Coefficients as CSR, a row for each output of each expert."""
        check_is_fitted(self)
        return csr_array(self.coef_.reshape(-1, self.coef_.shape[2]))


def validate_rows_of_fit(estimator, X, y, sample_weight, *, reset=True, **checks):
    """Return X, y and weights of the rows of positive weight."""
    X, y = validate_fit(estimator, X, y, reset=reset, **checks)
    sample_weight = validate_sample_weight(sample_weight, X)
    sample_weight, X, y = drop_weightless(sample_weight, X, y)
    return X, y, sample_weight


def _training_data(X, labels, targets, weights):
    if weights is None:
        weights = np.ones(X.shape[0])
    return GatedData(
        X,
        labels,
        targets,
        weights.astype(np.float32),
        np.zeros(X.shape[0], dtype=np.float32),
    )


def _check_outputs(outputs, X):
    if not np.isfinite(outputs).all():
        raise ValueError(
            f"X has values up to {abs(X).max():.3g}, with which outputs overflow "
            "float32. Scale X as the training data."
        )


def _to_float32(X):
    if issparse(X) and X.indices.dtype != np.int32:
        raise ValueError(
            f"X has {X.nnz} stored entries, more than the 2147483647 that 32-bit "
            "indices can number. Use partial_fit on parts of the rows."
        )
    with np.errstate(over="ignore"):
        narrow = X.astype(np.float32, copy=False)
    values = narrow.data if issparse(narrow) else narrow
    if not np.isfinite(values).all():
        raise ValueError(
            "X has values that overflow float32, in which gated experts compute. "
            "Scale X, for example with sklearn.preprocessing.StandardScaler."
        )
    return narrow
