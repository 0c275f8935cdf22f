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
from skexperts._numeric.gated_experts import GatedExperts
from skexperts._parallel import run_tasks
from skexperts._rows import take_rows
from skexperts._sklearn import Interval, StrOptions
from skexperts._warnings import users_stacklevel
from skexperts.ensemble._gated_predicts import GatedPredicts
from skexperts.ensemble._gated_rows import (
    centre_of,
    default_decay,
    default_rate,
    to_float32,
    training_data,
    uncentred,
    without_centre,
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
# There are no more experts than one for so many rows; of a stream more are to come.
_ROWS_PER_EXPERT, _FIRST_ROWS_PER_EXPERT = 30, 10
# Steps after which the rate of a stream has fallen to 1 / sqrt(2).
_STREAM_STEPS = 1000
# The largest error in standard deviations of y that the Huber loss squares.
_HUBER_DELTA = 0.5
_MAX_SEED = np.iinfo(np.int32).max


class BaseGatedExperts(DocLinkMixin, GatedPredicts, BaseEstimator, metaclass=ABCMeta):
    """Linear experts and a linear gate, trained jointly; subclasses say what y is."""

    _parameter_constraints: dict = {
        "n_experts": [Interval(Integral, 1, None, closed="left")],
        "top_k": [Interval(Integral, 1, None, closed="left")],
        "gate": [StrOptions({"softmax", "sigmoid"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "balance": [Interval(Real, 0, None, closed="left")],
        "shared": ["boolean"],
        "init": [StrOptions({"kmeans", "uniform", "normal"})],
        "learning_rate_init": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
        ],
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

    def _settings(self, X, n_seen):
        """Return the settings for rows, the last of so many."""
        n_rows, n_features = X.shape
        batch_size, rate, l2 = self.batch_size, self.learning_rate_init, self.l2
        if batch_size == "auto":
            batch_size = np.clip(n_rows // _BATCHES, _LEAST_BATCH, _LARGEST_BATCH)
        if rate == "auto":
            rate = default_rate(X)
        if l2 == "auto":
            l2 = default_decay(n_features, n_seen)
        return Settings(
            loss=self.loss,
            label_smoothing=self._smoothing(),
            delta=_HUBER_DELTA,
            alpha=self.alpha,
            l2=l2,
            balance=self.balance,
            learning_rate_init=rate,
            batch_size=int(min(batch_size, n_rows)),
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
        )

    def _n_experts_for(self, n_rows, rows_per_expert=_ROWS_PER_EXPERT):
        return min(self.n_experts, max(1, n_rows // rows_per_expert))

    def _new_models(self, X, sample_weight, seeds, n_experts):
        models = []
        for seed in seeds:
            model = GatedExperts.zeros(
                X.shape[1],
                self._n_outputs,
                n_experts,
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
        seeds = self._seeds()
        if sample_weight is not None:
            sample_weight = sample_weight / sample_weight.max()  # Float32 holds it.
        rows, score = slice(0, len(y)), None
        if self.early_stopping:
            rows, left_out = self._split(y, int(seeds[0]))
        n_rows = len(y[rows])
        self._drop_centre_for(X)
        models = self._warm_models(n_rows, X.shape[1])
        if models is None:
            # Also the unit of y begins anew.
            self._learn_target(y, sample_weight)
            self._centre = centre_of(X)
        X = to_float32(X, self._centre)
        if self.early_stopping:
            score = Validation(
                take_rows(X, left_out),
                *self._encode(y[left_out]),
                None if sample_weight is None else sample_weight[left_out],
            )
        X, y = take_rows(X, rows), y[rows]
        sample_weight = None if sample_weight is None else sample_weight[rows]
        if models is None:
            n_experts = self._n_experts_for(n_rows)
            models = self._new_models(X, sample_weight, seeds, n_experts)
        if sample_weight is not None:
            sample_weight = sample_weight / sample_weight.mean()
        data = training_data(X, *self._encode(y), sample_weight)
        runs = run_tasks(
            train,
            list(zip(models, seeds.tolist(), strict=True)),
            common=(self._settings(X, n_rows), data, score, []),
            n_jobs=self.n_jobs,
        )
        runs = [run for run in runs if run is not None]
        # A restart interrupted in its first pass would only blur the others.
        runs = [run for run in runs if run.loss_curve] or runs[:1]
        self._publish([run.model for run in runs])
        self.loss_curve_ = runs[0].loss_curve
        self.n_iter_, self._n_seen = len(self.loss_curve_), n_rows
        if score is not None:
            self.validation_scores_ = runs[0].scores
        self._report([run.usage for run in runs], [run.n_reseeded for run in runs])
        n_dead = np.count_nonzero(self.fit_report_["n_routed"] == 0)
        if n_dead and self.loss_curve_:
            warnings.warn(
                f"{n_dead} of {self.n_experts_} experts serve no training row at the "
                f"end: see fit_report_. Raise balance={self.balance} or lower "
                f"n_experts={self.n_experts}.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )

    def _drop_centre_for(self, X):
        """If X is sparse, let the models that are there do without a centre."""
        centre = getattr(self, "_centre", None)
        if issparse(X) and centre is not None:
            self._models = [without_centre(model, centre) for model in self._models]
            self._centre = None

    def _publish(self, models):
        """Set the attributes that say what was learned."""
        vars(self).pop("pruning_report_", None)
        self._models = models
        first, n = models[0], self._n_outputs
        self.n_experts_ = len(models) * first.n_experts
        lines = np.concatenate([model.lines[: first.n_experts] for model in models])
        lines = uncentred(lines, self._centre)
        scale, mean = self._output_scale()
        self.coef_ = lines[:, :n, :-1] * scale[:, None]
        self.intercept_ = lines[:, :n, -1] * scale + mean
        self.gate_coef_, self.gate_intercept_ = lines[:, n, :-1], lines[:, n, -1]
        if first.table.shape[0] > first.n_experts:
            shared = np.mean([model.lines[-1, :n] for model in models], axis=0)
            shared = uncentred(shared, self._centre)
            self.shared_coef_ = shared[:, :-1] * scale[:, None]
            self.shared_intercept_ = shared[:, -1] * scale

    def _output_scale(self):
        """Return by how much outputs are multiplied, and what is added then."""
        return np.ones(self._n_outputs), np.zeros(self._n_outputs)

    def _forget(self, models=False):
        """Remove what another fit would leave behind, also the models if asked for."""
        names = ["shared_coef_", "shared_intercept_", "validation_scores_", "_streams"]
        for name in names + ["_models", "_centre"] * models:
            vars(self).pop(name, None)

    def _report(self, usage, n_reseeded):
        """Set the report, by arrays for each model."""
        self.fit_report_ = {
            "expert": np.arange(self.n_experts_),
            "estimator": np.repeat(np.arange(len(usage)), len(usage[0])),
            "n_routed": np.concatenate(usage),
            "n_nonzero": np.count_nonzero(self.coef_, axis=(1, 2)),
            "n_reseeded": np.concatenate(n_reseeded),
        }

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
        self._drop_centre_for(X)
        if not hasattr(self, "_models"):
            self._learn_target(y, sample_weight)
            self._centre = centre_of(X)
            first = to_float32(X, self._centre)
            n_experts = self._n_experts_of_stream(len(y))
            seeds = self._seeds()
            self._models = self._new_models(first, sample_weight, seeds, n_experts)
            self.loss_curve_, self.n_iter_, self._n_seen = [], 0, 0
        vars(self).pop("validation_scores_", None)
        X = to_float32(X, self._centre)
        self._n_seen += len(y)
        settings = self._settings(X, self._n_seen)
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        data = training_data(X, *self._encode(y), weights)
        old = getattr(self, "_streams", None)
        streams, losses, usages = [], [], []
        for number, model in enumerate(self._models):
            adam = settings.adam(replace(model, table=model.table.copy()), data)
            if old is not None:
                adam.go_on(old[number])
            n_batches = -(-len(y) // adam.batch_size)
            steps = adam.n_steps + np.arange(n_batches)
            rates = settings.learning_rate_init / np.sqrt(1 + steps / _STREAM_STEPS)
            seed = [number, adam.n_steps]
            order = np.random.RandomState(seed).permutation(len(y))
            loss, usage = one_pass(adam, order, rates, self.n_iter_)
            losses.append(loss / len(y))
            usages.append(usage)
            streams.append(adam.forget_rows())
        self._streams = streams
        self._publish([adam.model for adam in streams])
        self.loss_curve_ = [*self.loss_curve_, float(np.mean(losses))]
        self.n_iter_ += 1
        self._report(usages, np.zeros_like(usages))

    def _n_experts_of_stream(self, n_rows):
        """Return how many experts there are after a first call with so many rows."""
        n_experts = self._n_experts_for(n_rows, _FIRST_ROWS_PER_EXPERT)
        if n_experts < self.n_experts:
            warnings.warn(
                f"The first call of partial_fit has {n_rows} rows, so that there are "
                f"{n_experts} experts for good, not n_experts={self.n_experts}. Begin "
                f"with {_FIRST_ROWS_PER_EXPERT} rows for each expert.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )
        return n_experts

    @property
    def sparse_coef_(self):
        """Coefficients as CSR, a row for each output of each expert."""
        check_is_fitted(self)
        return csr_array(self.coef_.reshape(-1, self.coef_.shape[2]))
