import numpy as np
from numpy.typing import NDArray

def update_atoms(
    A: NDArray[np.floating], B: NDArray[np.floating], D: NDArray[np.floating]
) -> None: ...
