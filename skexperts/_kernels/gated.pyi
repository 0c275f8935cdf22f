import numpy as np
from numpy.typing import NDArray

class Problem:
    def __init__(self, *args: object) -> None: ...

def make_problem(
    experts: NDArray[np.floating],
    gates: NDArray[np.floating],
    X: NDArray[np.floating] | None,
    values: NDArray[np.floating] | None,
    columns: NDArray[np.int32] | None,
    starts: NDArray[np.int32] | None,
    labels: NDArray[np.int32] | None,
    targets: NDArray[np.floating] | None,
    row_weights: NDArray[np.floating] | None,
    losses: NDArray[np.floating] | None,
    sizes: dict[str, int | float],
) -> Problem: ...
def train(
    problem: Problem,
    order: NDArray[np.int64],
    batch_size: int,
    rates: NDArray[np.float64],
    n_steps: int,
    l1: NDArray[np.floating],
    l2: NDArray[np.floating],
    gradient: NDArray[np.floating],
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    usage: NDArray[np.int64],
) -> float: ...
def find_gradient(
    problem: Problem, order: NDArray[np.int64], gradient: NDArray[np.floating]
) -> float: ...
def answer(
    problem: Problem,
    order: NDArray[np.int64],
    batch_size: int,
    combined: NDArray[np.floating],
    chosen: NDArray[np.int32] | None,
    weights: NDArray[np.floating] | None,
    outputs: NDArray[np.floating] | None,
) -> int: ...
