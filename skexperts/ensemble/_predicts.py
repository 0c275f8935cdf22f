"""From new rows to combined outputs, by what a fit has left."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skexperts._numeric.aggregation import contract
from skexperts._numeric.linear_experts import linear_outputs
from skexperts._numeric.routing import pairs_by_expert, row_blocks
from skexperts._rows import asking_parts, is_frame, take_rows, validate_new_rows
from skexperts._sklearn import align_sparse_api
from skexperts.ensemble._cell import read_cell

# Outputs of experts in memory at a time; every block may call every expert.
_OUTPUTS = 1 << 22


class Predicts:
    """Route rows, read their experts, combine what they say."""

    def route(self, X):
        """Return which experts serve each row, and with which weights.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        routing : CSR of shape (n_samples, n_experts_)
            Positive weights, at most ``top_k`` a row, each row sums to 1. Column j
            belongs to ``experts_[j]``, the expert of cell ``cells_[j]``. A row that no
            cell claims goes to the expert of cell -1 if there is one, else to all
            experts in equal parts.
        """
        check_is_fitted(self)
        X = self._validate_new(X)
        with asking_parts(self, X):
            return align_sparse_api(self._router.route(X))

    def expert_outputs(self, X):
        """Return the outputs of the experts for the routed pairs of row and expert.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        outputs : ndarray of shape (n_pairs, n_outputs)
            Row p is the output for the pair stored at ``route(X).data[p]``: margins (if
            all experts are read by margin) or probabilities of the classes in the
            order of ``classes_``, or one predicted value. The prediction is the sum
            over the pairs of each row, weighted by the routing.
        """
        check_is_fitted(self)
        X = self._validate_new(X)
        with asking_parts(self, X):
            return self._pair_outputs(X, self._router.route(X))

    def _validate_new(self, X):
        return validate_new_rows(self, X, dtype=self._dtype, finite=self._finite)

    def _pair_outputs(self, X, routing):
        if routing.shape[1] != len(self.experts_):
            # Only a file that somebody has changed gives such a model.
            raise ValueError(
                f"The routing has {routing.shape[1]} columns for {len(self.experts_)} "
                "experts. Fit the model, or load its own file."
            )
        if self._linear is not None and not is_frame(X):
            outputs = linear_outputs(self._linear, X, routing)
            if np.isfinite(outputs).all():
                return outputs
        rows, pairs, bounds = pairs_by_expert(routing)
        classes = getattr(self, "classes_", None)
        outputs = np.empty((routing.nnz, self._n_outputs))
        for j, expert in enumerate(self.experts_):
            mine = slice(bounds[j], bounds[j + 1])
            if mine.start < mine.stop:
                outputs[pairs[mine]] = read_cell(
                    expert,
                    take_rows(X, rows[mine]),
                    self._router.cell(j),
                    scale=self._scale,
                    classes=classes,
                    n_outputs=self._n_outputs,
                )
        return outputs

    def _combine(self, X):
        """Contract routing and outputs."""
        check_is_fitted(self)
        X = self._validate_new(X)
        with asking_parts(self, X):
            return self._combine_rows(X)

    def _combine_rows(self, X):
        combined = np.empty((X.shape[0], self._n_outputs))
        for block, part in self._combine_blocks(X):
            combined[block] = part
        return combined

    def _predict(self, X):
        """Return what :meth:`_decode` makes of combined outputs."""
        check_is_fitted(self)
        X = self._validate_new(X)
        with asking_parts(self, X):
            blocks = self._combine_blocks(X)
            return np.concatenate([self._decode(part) for _, part in blocks])

    def _combine_blocks(self, X):
        """Yield blocks of rows and their combined outputs, in bounded memory."""
        width = self._router.most_pairs * self._n_outputs
        for block in row_blocks(X.shape[0], width, _OUTPUTS):
            rows = take_rows(X, block)
            routing = self._router.route(rows)
            yield block, contract(routing, self._pair_outputs(rows, routing))
