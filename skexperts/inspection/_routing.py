"""How a model routes rows, as the displays read it."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.validation import check_consistent_length

from skexperts.inspection._model import input_names, read_experts, split_pipeline


class Routed(NamedTuple):
    """Rows as a model sees them, and how it routes them.

    Attributes
    ----------
    model : the last step of a pipeline, or the model itself
    X : the rows that it sees
    feature_names : ndarray of shape (n_features,), object
    routing : csr_array of shape (n_rows, n_experts)
    expert_labels : list of str
    """

    model: Any
    X: Any
    feature_names: np.ndarray
    routing: csr_array
    expert_labels: list


def read_routing(model, X, y=None):
    """Route rows by a fitted model.

    Parameters
    ----------
    model : fitted estimator
        Partitioned or gated experts, or a pipeline that ends with such a model.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,), default=None
        Read for its length only.

    Returns
    -------
    routed : Routed

    Raises
    ------
    ValueError
        If X and y differ in length.
    TypeError
        If the model does not route.
    NotFittedError
        If the model is not fitted.
    """
    front, last = split_pipeline(model)
    if not hasattr(last, "route"):
        raise TypeError(
            f"{type(last).__name__} routes no rows to experts. Pass one of "
            "PartitionedExperts* or GatedExperts*, or a pipeline that ends with one."
        )
    check_consistent_length(X, y)
    if front is not None:
        X = front.transform(X)
    routing = csr_array(last.route(X))
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    names = input_names(front, last)
    labels = expert_labels(last, names)[: routing.shape[1]]
    return Routed(last, X, names, routing, labels)


def expert_labels(last, names):
    """Return short names of the experts, of a cell its id.

    Parameters
    ----------
    last : fitted model
    names : ndarray of shape (n_features,), object
        The features that it sees.

    Returns
    -------
    labels : list of str
        A shared expert comes last.
    """
    full = [expert.name for expert in read_experts(last, names)]
    return [name.removeprefix("cell ").removeprefix("expert ") for name in full]
