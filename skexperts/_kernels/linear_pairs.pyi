import numpy as np
from numpy.typing import NDArray

def dense_pairs(
    X: NDArray[np.floating],
    rows: NDArray[np.int64],
    pairs: NDArray[np.int64],
    bounds: NDArray[np.int64],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    coef: NDArray[np.float64],
    intercept: NDArray[np.float64],
    absent: NDArray[np.uint8],
    some_absent: NDArray[np.uint8],
    values: NDArray[np.float64],
) -> None: ...
def sparse_pairs(
    data: NDArray[np.floating],
    columns: NDArray[np.int32],
    row_bounds: NDArray[np.int32],
    n_features: int,
    rows: NDArray[np.int64],
    pairs: NDArray[np.int64],
    bounds: NDArray[np.int64],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    coef: NDArray[np.float64],
    intercept: NDArray[np.float64],
    absent: NDArray[np.uint8],
    some_absent: NDArray[np.uint8],
    values: NDArray[np.float64],
) -> None: ...
