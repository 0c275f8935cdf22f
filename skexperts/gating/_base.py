"""What the learned linear gates have in common."""

import warnings
from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._numeric.linear_gates import standardise
from skexperts._numeric.routing import nearest_cell
from skexperts._rows import naming_columns
from skexperts._sklearn import fit_context
from skexperts._threads import one_blas_thread
from skexperts._validation import (
    all_or_nothing,
    validate_fit,
    validate_predict,
    validate_sample_weight,
)
from skexperts._warnings import users_stacklevel
from skexperts.gating._mixin import GateMixin


class BaseLinearGate(DocLinkMixin, GateMixin, BaseEstimator, metaclass=ABCMeta):
    """Logits ``x'v_k + c_k``, fitted to cells or competences; subclasses link them."""

    learns = True

    @property
    def needs_competence(self):
        """Whether ``fit`` needs ``competence``: with ``target="competence"``."""
        return self.target == "competence"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @abstractmethod
    def _fit_gates(self, columns, weights, penalty, cells, competence, affinity):
        """Return fitted ``LinearGates`` for standardised columns."""

    def _start(self, columns):
        """Return the last coefficients with ``warm_start``, None without any that fit.

        They are a table for standardised columns, with the intercepts as last column.
        """
        shape = (self.n_cells_, columns.X.shape[1])
        coef = getattr(self, "coef_", None)
        if not self.warm_start or coef is None or coef.shape != shape:
            return None
        intercept = self.intercept_ + coef @ columns.mean
        scale = np.where(np.isinf(columns.scale), 0.0, columns.scale)
        return np.column_stack([coef * scale, intercept])

    @abstractmethod
    def _link(self, logits, closed):
        """Return weights from logits, 0 where ``closed``."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, affinity, cells=None, sample_weight=None, competence=None):
        """Learn the gate.

        Parameters
        ----------
        X : ndarray, CSR or dataframe of shape (n_samples, n_features)
        affinity : ndarray of shape (n_samples, n_cells)
            It gives the number of experts, and the cells if none are given.
        cells : ndarray of shape (n_samples,), optional
            The cell of each row, -1 for none. By default the cell of largest affinity,
            ties to the lowest id.
        sample_weight : ndarray of shape (n_samples,), optional
        competence : ndarray of shape (n_samples, n_cells), optional
            How well each expert serves each row, not negative; rows are scaled to a
            largest value of 1. Needed by ``target="competence"`` only.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If columns of X are not numbers, if cells or competences are not as said
            above, or if the competences are 0 throughout.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` iterations were not enough.
        """
        with all_or_nothing(self):
            X = self._read(X, validate_fit)
            weights = validate_sample_weight(sample_weight, X)
            weights = np.ones(X.shape[0]) if weights is None else weights
            cells = _check_cells(cells, affinity, X)
            part = weights > 0
            if self.needs_competence:
                competence = _check_competence(competence, affinity, X)
                part &= competence.any(axis=1)
                if not part.any():
                    raise ValueError(
                        "The competence is 0 for every row of positive weight: no "
                        "expert serves any row. Check how it was computed."
                    )
                competence = competence[part]
            else:
                part &= cells >= 0
                competence = None
            self._learn(X[part], weights[part], cells[part], competence, affinity[part])
        return self

    def _learn(self, X, weights, cells, competence, affinity):
        self.n_cells_ = affinity.shape[1]
        total = weights.sum()
        if total == 0:
            self.coef_ = np.zeros((self.n_cells_, X.shape[1]))
            self.intercept_ = np.zeros(self.n_cells_)
            self.n_iter_, self.objective_ = 0, 0.0
            return
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            columns = standardise(X, weights / total)
            if np.isnan(columns.scale).any():
                raise ValueError(
                    "The variance of a column of X overflows. Scale X, by "
                    "StandardScaler or MaxAbsScaler, in front of the gate."
                )
            penalty = 1 / (self.C * total)
            gates = self._fit_gates(
                columns, weights / total, penalty, cells, competence, affinity
            )
        self.coef_, self.intercept_ = gates.coef, gates.intercept
        self.n_iter_, self.objective_ = gates.n_iter, gates.value / penalty
        if not gates.converged:
            warnings.warn(
                f"{type(self).__name__} did not converge in {gates.n_iter} iterations. "
                "Raise max_iter or tol, or lower C.",
                ConvergenceWarning,
                stacklevel=users_stacklevel(),
            )

    def gate_weights(self, X, affinity):
        """Return the weight of every expert for every row.

        Parameters
        ----------
        X : ndarray, CSR or dataframe of shape (n_samples, n_features)
        affinity : ndarray of shape (n_samples, n_cells)
            Minus infinity closes an expert to a row; other values do not matter.

        Returns
        -------
        weights : ndarray of shape (n_samples, n_cells)
        """
        check_is_fitted(self)
        X = self._read(X, validate_predict)
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            logits = X @ self.coef_.T + self.intercept_
        if not np.isfinite(logits).all():
            raise ValueError(
                f"The logits of {type(self).__name__} overflow: X is too large for "
                "the data the gate was fitted on. Scale X."
            )
        return self._link(logits, np.isneginf(affinity))

    def _read(self, X, validate):
        remedy = (
            "Use DistanceGate or HardGate, which do not read X, or encode the columns "
            "in a pipeline in front of the model."
        )
        with naming_columns(X, type(self).__name__, remedy):
            return validate(self, X)


def _check_cells(cells, affinity, X):
    if cells is None:
        return nearest_cell(affinity)
    cells = np.asarray(cells)
    n_cells = affinity.shape[1]
    if cells.shape != (X.shape[0],) or cells.dtype.kind not in "iu":
        raise ValueError(
            f"cells must be integers of shape ({X.shape[0]},). Got {cells.dtype} of "
            f"shape {cells.shape}."
        )
    if cells.min() < -1 or cells.max() >= n_cells:
        raise ValueError(
            f"cells must be from -1 (none) to {n_cells - 1}. Got values from "
            f"{cells.min()} to {cells.max()}."
        )
    return cells


def _check_competence(competence, affinity, X):
    if competence is None:
        raise ValueError(
            'target="competence" needs the competence of each expert for each row: '
            'pass competence to fit, or use target="cells".'
        )
    competence = np.asarray(competence, dtype=np.float64)
    shape = (X.shape[0], affinity.shape[1])
    if competence.shape != shape:
        raise ValueError(
            f"competence must have shape (n_samples, n_cells) = {shape}. Got "
            f"{competence.shape}."
        )
    if not ((competence >= 0) & (competence < np.inf)).all():
        raise ValueError("competence must be finite and not negative.")
    top = competence.max(axis=1, keepdims=True)
    return np.divide(competence, top, out=np.zeros(shape), where=top > 0)
