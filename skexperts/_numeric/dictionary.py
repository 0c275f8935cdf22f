"""Online dictionary learning: what is kept of the codes so far, a step with more."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skexperts._kernels.dictionary import (
    add_products,
    add_sparse_products,
    update_atoms,
)
from skexperts._numeric.coding import CodeArrays

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

    def decayed(self, weight: float, memory: float) -> "Statistics":
        """Return the sums, ready for rows of a weight; they share nothing with these.

        Parameters
        ----------
        weight : float, positive
        memory : float
            Weight of the rows that the sums are to remember at most.
        """
        total = min(self.weight + weight, max(memory, weight))
        keep = (1 - weight / total) ** _FORGETTING
        return Statistics(
            self.codes * keep, self.products * keep, total, self.idle.copy()
        )

    def add(
        self, X: NDArray | csr_array, codes: CodeArrays, weights: NDArray | None
    ) -> None:
        """Add rows to the sums, in place.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_rows, n_features)
        codes : tuple of ndarrays, as in CSR
        weights : ndarray of shape (n_rows,), float64, or None
        """
        add_sparse_products(*codes, weights, *codes, self.codes)
        if isinstance(X, np.ndarray):
            add_products(*codes, weights, X, self.products)
        else:
            indices, indptr = (a.astype(np.int32) for a in (X.indices, X.indptr))
            add_sparse_products(*codes, weights, X.data, indices, indptr, self.products)
        self.idle += X.shape[0]
        self.idle[codes[1]] = 0

    def improve(self, components: NDArray) -> None:
        """Update the atoms in turn, in place.

        With the sums A of z'z and B of z'x, the updates are

            d_j <- d_j + (b_j - a_j D) / a_jj, scaled to norm 1 if its norm is above

        (Mairal, Bach, Ponce, Sapiro 2010, algorithm 2).

        Parameters
        ----------
        components : ndarray of shape (n_atoms, n_features)
        """
        update_atoms(self.codes, self.products, components)


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
