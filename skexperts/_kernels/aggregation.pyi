import numpy as np
from numpy.typing import NDArray

def contract_pairs(
    indptr: NDArray[np.int32],
    weights: NDArray[np.floating],
    outputs: NDArray[np.floating],
    combined: NDArray[np.floating],
) -> None: ...
