import numpy as np
from numpy.typing import NDArray

def solve_on_supports(
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
    gram: NDArray[np.floating],
    l2: float,
    values: NDArray[np.floating],
) -> None: ...
