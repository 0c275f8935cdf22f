import numpy as np
from numpy.typing import NDArray

def select_top_k(
    weights: NDArray[np.floating],
    k: int,
    data: NDArray[np.floating],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
) -> None: ...
def refuse_overflow(
    weights: NDArray[np.float64],
    k: int,
    state: NDArray[np.uint8],
    rows: NDArray[np.int32],
    ranks: NDArray[np.float64],
    loads: NDArray[np.int32],
    stack: NDArray[np.int32],
    waits: NDArray[np.uint8],
) -> None: ...
