"""What a sparse coder must be for its kernels to read no other memory."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse

from skexperts._numeric.dictionary import Statistics
from skexperts.decomposition._encode import Preparation
from skexperts.io._conditions import is_array, is_count, need

_METHODS = ("lasso", "elastic_net", "omp", "threshold")
_OPTIONS = {
    *("alpha", "l1_ratio", "max_iter", "method", "n_nonzero_coefs", "positive", "tol"),
}


def check_coder(state):
    """Raise a ValueError unless dictionary, options and sums go together.

    Parameters
    ----------
    state : dict
        Attributes of a fitted coder by their names.
    """
    components, prepared = state.get("components_"), state.get("_prepared")
    need(
        _is_dictionary(components)
        and components.shape[1] == state.get("n_features_in_")
        and isinstance(prepared, Preparation)
        and _is_dictionary(prepared.components)
        and prepared.components.shape == components.shape
        and prepared.components.dtype == components.dtype,
        "the dictionary is not of the features",
    )
    _check_options(prepared.options)
    if "_statistics" in state:
        _check_statistics(state["_statistics"], components)


def _is_dictionary(atoms):
    if issparse(atoms):
        # The identity, of which only the shape is read.
        return atoms.shape[0] == atoms.shape[1] > 0 and atoms.dtype.kind == "f"
    return _is_table(atoms, np.shape(atoms)) and atoms.size > 0


def _is_table(value, shape, n_dim=2):
    return (
        is_array(value, "f", n_dim)
        and value.shape == shape
        and value.itemsize in (4, 8)
        and value.flags.c_contiguous
    )


def _check_options(options):
    need(isinstance(options, dict) and set(options) == _OPTIONS, "options are missing")
    need(
        options["method"] in _METHODS
        and isinstance(options["positive"], bool)
        and (options["n_nonzero_coefs"] is None or is_count(options["n_nonzero_coefs"]))
        and is_count(options["max_iter"])
        and all(
            isinstance(options[name], Real) and 0 <= options[name] < np.inf
            for name in ("alpha", "l1_ratio", "tol")
        )
        and options["l1_ratio"] <= 1,
        "the options of the coder are not possible",
    )


def _check_statistics(sums, components):
    n_atoms = components.shape[0]
    need(
        isinstance(sums, Statistics)
        and _is_table(sums.codes, (n_atoms, n_atoms))
        and _is_table(sums.products, components.shape)
        and _is_table(sums.idle, (n_atoms,), n_dim=1)
        and sums.codes.dtype == sums.products.dtype == components.dtype
        and isinstance(sums.weight, Real),
        "the sums over codes are not of the dictionary",
    )
