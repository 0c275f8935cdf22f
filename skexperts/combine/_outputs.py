"""Check of the outputs that are to be averaged."""

import numpy as np

# Squares and their sums stay far from overflow below this size.
_LARGEST = 1e100


def check_outputs(name, estimator, outputs):
    """Raise a ValueError that names the estimator unless all outputs can be squared."""
    if not (np.abs(outputs) < _LARGEST).all():
        raise ValueError(
            f"Estimator {name!r} ({type(estimator).__name__}) gave outputs that are "
            f"NaN, infinite or larger than {_LARGEST:g}. Scale X and y, regularise the "
            "estimator more strongly or drop it."
        )
