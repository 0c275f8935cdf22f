"""Online dictionary learning: what is kept of the codes so far, a step with more."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skexperts._kernels.dictionary import update_atoms

# How much faster than an average what early codes added is forgotten.
_FORGETTING = 4.0


@dataclass
class Statistics:
    """Decayed sums over rows x with codes z.

    Attributes
    ----------
    codes : ndarray of shape (n_atoms, n_atoms), of z'z
    products : ndarray of shape (n_atoms, n_features), of z'x
    weight : float, of the rows
    idle : ndarray of shape (n_atoms,), rows since an atom was last used
    """

    codes: NDArray
    products: NDArray
    weight: float = 0.0
    idle: NDArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def start(cls, components: NDArray) -> "Statistics":
        """Return the sums over no rows."""
        n_atoms = len(components)
        return cls(
            np.zeros((n_atoms, n_atoms), components.dtype),
            np.zeros_like(components),
            idle=np.zeros(n_atoms),
        )

    def copy(self) -> "Statistics":
        """Return a copy that shares nothing."""
        return Statistics(
            self.codes.copy(), self.products.copy(), self.weight, self.idle.copy()
        )


def learn_from(
    statistics: Statistics,
    components: NDArray,
    X: NDArray | csr_array,
    codes: csr_array,
    weights: NDArray | None,
    memory: float,
) -> None:
    """Add rows to the statistics and improve the atoms, both in place.

    With the sums A of z'z and B of z'x, atoms are updated in turn,

        d_j <- d_j + (b_j - a_j D) / a_jj, scaled to norm 1 if its norm is above

    (Mairal, Bach, Ponce, Sapiro 2010, algorithm 2).

    Parameters
    ----------
    statistics : Statistics
    components : ndarray of shape (n_atoms, n_features)
    X : ndarray or CSR of shape (n_rows, n_features)
    codes : CSR of shape (n_rows, n_atoms)
    weights : ndarray of shape (n_rows,) or None
    memory : float
        Weight of the rows that the sums are to remember at most.
    """
    added = float(X.shape[0] if weights is None else weights.sum())
    statistics.weight = min(statistics.weight + added, max(memory, added))
    keep = (1 - added / statistics.weight) ** _FORGETTING
    weighted = codes if weights is None else codes.multiply(weights[:, None]).tocsr()
    statistics.codes *= keep
    statistics.codes += (weighted.T @ codes).toarray()
    statistics.products *= keep
    products = weighted.T @ X
    statistics.products += products if isinstance(X, np.ndarray) else products.toarray()
    used = np.bincount(codes.indices, minlength=len(components)) > 0
    statistics.idle = np.where(used, 0, statistics.idle + X.shape[0])
    update_atoms(statistics.codes, statistics.products, components)


def replace_atoms(
    statistics: Statistics, components: NDArray, dead: NDArray, rows: NDArray
) -> None:
    """Put other rows in the place of dead atoms, and forget these, in place.

    Parameters
    ----------
    statistics : Statistics
    components : ndarray of shape (n_atoms, n_features)
    dead : ndarray of shape (n_dead,), their numbers
    rows : ndarray of shape (n_dead, n_features), of norm 1
    """
    components[dead] = rows
    statistics.codes[dead] = 0
    statistics.codes[:, dead] = 0
    statistics.products[dead] = 0
    statistics.idle[dead] = 0
