import numpy as np
from numpy.typing import NDArray

def squared_norms(X: NDArray[np.floating], norms2: NDArray[np.float64]) -> None: ...
def code_lasso(
    products: NDArray[np.floating],
    norms2: NDArray[np.float64],
    gram: NDArray[np.floating],
    l1: float,
    l2: float,
    positive: bool,
    tol: float,
    max_iter: int,
    capacity: int,
    values: NDArray[np.floating],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
    objectives: NDArray[np.float64],
    losses: NDArray[np.float64],
    largest: NDArray[np.float64],
) -> int: ...
def code_pursuit(
    products: NDArray[np.floating],
    norms2: NDArray[np.float64],
    gram: NDArray[np.floating],
    n_nonzero: int,
    positive: bool,
    tol: float,
    values: NDArray[np.floating],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
) -> None: ...
