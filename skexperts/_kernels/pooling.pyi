import numpy as np
from numpy.typing import NDArray

def copy_patches(
    pixels: NDArray[np.floating],
    starts: NDArray[np.intp],
    n_runs: int,
    length: int,
    stride: int,
    eps: float,
    patches: NDArray[np.floating],
) -> None: ...
def pool_thresholds(
    images: NDArray[np.floating],
    starts: NDArray[np.intp],
    cells: NDArray[np.int32],
    n_runs: int,
    length: int,
    stride: int,
    eps: float,
    filters: NDArray[np.floating],
    alpha: float,
    largest: bool,
    pools: NDArray[np.floating],
) -> None: ...
def pool_codes(
    values: NDArray[np.floating],
    atoms: NDArray[np.int32],
    bounds: NDArray[np.int32],
    cells: NDArray[np.int32],
    largest: bool,
    pools: NDArray[np.floating],
) -> None: ...
