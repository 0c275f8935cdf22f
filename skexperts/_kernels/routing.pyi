import numpy as np
from numpy.typing import NDArray

def select_top_k(
    weights: NDArray[np.floating],
    k: int,
    data: NDArray[np.floating],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
) -> None: ...
