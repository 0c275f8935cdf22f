import numpy as np
from numpy.typing import NDArray

def update_atoms(
    A: NDArray[np.floating], B: NDArray[np.floating], D: NDArray[np.floating]
) -> None: ...
def add_products(
    values: NDArray[np.floating],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
    weights: NDArray[np.float64] | None,
    X: NDArray[np.floating],
    total: NDArray[np.floating],
) -> None: ...
def add_sparse_products(
    values: NDArray[np.floating],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
    weights: NDArray[np.float64] | None,
    x_values: NDArray[np.floating],
    x_indices: NDArray[np.int32],
    x_indptr: NDArray[np.int32],
    total: NDArray[np.floating],
) -> None: ...
