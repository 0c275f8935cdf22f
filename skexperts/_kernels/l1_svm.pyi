import numpy as np
from numpy.typing import NDArray

def solve_dense(
    X: NDArray[np.floating],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    cost: NDArray[np.float64],
    coef: NDArray[np.float64],
    intercept: NDArray[np.float64],
    fit_intercept: bool,
    share_rows: bool,
    tol: float,
    max_iter: int,
    objective: NDArray[np.float64],
    gap: NDArray[np.float64],
    n_iter: NDArray[np.int32],
) -> None: ...
def solve_sparse(
    data: NDArray[np.floating],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    cost: NDArray[np.float64],
    coef: NDArray[np.float64],
    intercept: NDArray[np.float64],
    fit_intercept: bool,
    share_rows: bool,
    tol: float,
    max_iter: int,
    objective: NDArray[np.float64],
    gap: NDArray[np.float64],
    n_iter: NDArray[np.int32],
) -> None: ...
