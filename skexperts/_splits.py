"""The folds of a cross-validation, without rows of weight 0."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv


def draw_splits(cv, X, y, kept, *, classifier, metadata):
    """Return the train and test rows of every fold, as positions among the kept rows.

    An integer (or None) splits the kept rows. A splitter or an iterable speaks of all
    rows, so it splits those, and the rows that are not kept leave the folds.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test) or None
    X, y : all rows
    kept : ndarray of int, ascending, or None for all rows
    classifier : bool
    metadata : dict
        What a splitter reads besides X and y, of all rows, such as groups.

    Returns
    -------
    splits : list of (train, test), ndarrays of int
    """
    kept = np.arange(len(y)) if kept is None else kept
    splitter = check_cv(cv, y[kept], classifier=classifier)
    if cv is None or isinstance(cv, Integral):
        # These splitters read of X only how many rows it has.
        return list(splitter.split(y[kept], y[kept]))
    groups = metadata.get("groups")
    if groups is not None and np.shape(groups)[:1] != X.shape[:1]:
        raise ValueError(
            f"groups must have one value for each of the {X.shape[0]} rows of X. Got "
            f"shape {np.shape(groups)}."
        )
    position = np.full(X.shape[0], -1)
    position[kept] = np.arange(len(kept))
    splits = []
    for fold, parts in enumerate(splitter.split(X, y, **metadata)):
        try:
            train, test = (
                position[part] if len(part) else position[:0] for part in parts
            )
        except IndexError as error:
            raise ValueError(
                f"cv: fold {fold} has row numbers beyond the {X.shape[0]} rows of X."
            ) from error
        train, test = train[train >= 0], test[test >= 0]
        if not train.size:
            raise ValueError(f"cv: fold {fold} has no training row of positive weight.")
        splits.append((train, test))
    if not any(test.size for _, test in splits):
        raise ValueError("cv: no fold has a test row, so there is nothing to learn on.")
    return splits
