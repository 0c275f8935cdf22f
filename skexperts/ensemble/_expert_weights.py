"""The weights of fitted experts, gathered to be set to zero."""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.dummy import DummyClassifier, DummyRegressor

from skexperts._experts import final_step
from skexperts.ensemble._cell import cell_name
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.ensemble._linear import stack_of


class Weights:
    """Weights of one expert that are stored together.

    Parameters
    ----------
    values : ndarray
        Set in place; those that are stored, for sparse coefficients.
    scale : ndarray, by which values are multiplied to be compared
    matrix : sparse coefficients that the values belong to, None for others
    """

    def __init__(self, values, scale=1.0, matrix=None):
        self.values, self.matrix = values, matrix
        self.before = values.copy()
        self.sizes = np.abs(self.before * scale).astype(np.float64).ravel()
        self.n_weights = values.size if matrix is None else np.prod(matrix.shape)

    def keep(self, kept):
        """Set those weights to zero that a mask of shape (n_values,) leaves out."""
        kept = kept.reshape(self.values.shape)
        self.values[...] = np.where(kept, self.before, 0)

    def tidy(self):
        """Store no zeros of sparse coefficients."""
        if self.matrix is not None:
            self.matrix.eliminate_zeros()


def gather_weights(model):
    """Return the weights of all experts of a model, expert by expert.

    Parameters
    ----------
    model : fitted PartitionedExperts* or GatedExperts*
        Its weights are made arrays of their own that can be written to.

    Returns
    -------
    weights : list of Weights

    Raises
    ------
    TypeError
        If an expert has no weights; the message names it and its cell.
    """
    if isinstance(model, BaseGatedExperts):
        # Outputs of regressors have a unit each.
        scale = model._output_scale()[0][:, None]
        parts = [each.lines[:, : len(scale), :-1] for each in model._models]
        return [Weights(part, scale) for part in parts]
    weights, seen = [], set()
    for number, expert in zip(model.cells_, model.experts_, strict=True):
        final = final_step(expert)
        # A frozen expert may be that of several cells.
        if id(final) not in seen:
            seen.add(id(final))
            weights += _of_expert(final, number)
    return weights


def _of_expert(expert, number):
    if isinstance(expert, DummyClassifier | DummyRegressor):
        return []
    state = vars(expert)
    if "coefs_" in state:
        expert.coefs_ = [np.array(layer) for layer in expert.coefs_]
        return [Weights(layer) for layer in expert.coefs_]
    # coef_ of gated experts is a copy of what their predictions are made of.
    if "coef_" not in state or isinstance(expert, BaseGatedExperts):
        raise TypeError(
            f"The expert of {cell_name(number)}, {expert!r}, has no weights to prune: "
            "neither coef_ nor coefs_ that its predictions are made of. Prune models "
            "whose experts are linear, or neural networks of scikit-learn."
        )
    expert.coef_ = coef = expert.coef_.copy()
    if issparse(coef):
        return [Weights(coef.data, matrix=coef)]
    return [Weights(coef)]


def publish_weights(model, before):
    """Make what follows from the weights of a model anew.

    Parameters
    ----------
    model : fitted PartitionedExperts* or GatedExperts*
        Some of its weights were set to zero.
    before : the same model with all weights
    """
    if isinstance(model, BaseGatedExperts):
        model._publish(model._models)
        # A stream has no report.
        if hasattr(model, "fit_report_"):
            n_nonzero = np.count_nonzero(model.coef_, axis=(1, 2))
            model.fit_report_ = {**model.fit_report_, "n_nonzero": n_nonzero}
        return
    model._linear = stack_of(model, model.n_features_in_)
    if hasattr(model, "deviation_"):
        shared = np.atleast_2d(model.shared_.coef_)
        changed_shared = shared != np.atleast_2d(before.shared_.coef_)
        for k, own in enumerate(model.deviation_):
            coef, old = (
                np.atleast_2d(each.experts_[k].coef_) for each in (model, before)
            )
            changed = (coef != old) | changed_shared
            # Where nothing changed the difference keeps its bits.
            moved = csr_array(np.where(changed, coef - shared, 0))
            model.deviation_[k] = csr_array(own.multiply(~changed)) + moved
