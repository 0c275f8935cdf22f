"""From new rows to what gated experts answer."""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils.validation import check_is_fitted

from skexperts._numeric.gated_experts import combined_outputs, routed_outputs
from skexperts._numeric.routing import row_blocks
from skexperts._rows import take_rows
from skexperts._sklearn import align_sparse_api
from skexperts._validation import validate_predict
from skexperts.ensemble._gated_rows import check_outputs, to_float32, without_centre

# Numbers of dense rows, or of their outputs, in memory at a time.
_NUMBERS = 1 << 20


class GatedPredicts:
    """Ask gated experts in blocks of rows: memory is that of the answer."""

    def route(self, X):
        """Return which experts serve each row, and with which weights.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        routing : CSR of shape (n_samples, n_experts_)
            Weights that are not negative, ``top_k * n_estimators`` a row; each row
            sums to 1.
        """
        X = self._validate_new(X)
        width = sum(model.top_k for model in self._models)
        chosen = np.empty((X.shape[0], width), dtype=np.int32)
        weights = np.empty(chosen.shape)
        for block, rows, models in self._blocks(X):
            chosen[block], weights[block], _ = _routed(models, rows)
        index = np.int32 if chosen.size <= np.iinfo(np.int32).max else np.int64
        indptr = width * np.arange(len(chosen) + 1, dtype=index)
        return align_sparse_api(
            csr_array(
                (weights.ravel(), chosen.ravel(), indptr),
                shape=(len(chosen), self.n_experts_),
            )
        )

    def expert_outputs(self, X):
        """Return the outputs of the experts for the routed pairs of row and expert.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        outputs : ndarray of shape (n_pairs, n_outputs)
            Row p is for the pair stored at ``route(X).data[p]``. The sum over the pairs
            of each row, weighted by the routing, is the output of the model, but for
            what a shared expert adds to all rows.
        """
        X = self._validate_new(X)
        width = sum(model.top_k for model in self._models)
        outputs = np.empty((X.shape[0], width, self._n_outputs))
        scale, mean = self._output_scale()
        for block, rows, models in self._blocks(X):
            outputs[block] = _routed(models, rows)[2] * scale + mean
        return outputs.reshape(-1, self._n_outputs)

    def _validate_new(self, X):
        check_is_fitted(self)
        return validate_predict(self, X)

    def _blocks(self, X):
        """Yield blocks of validated rows, the rows as float32, and models for them."""
        models, centre = self._models, self._centre
        if issparse(X) and centre is not None:
            models, centre = [without_centre(model, centre) for model in models], None
        width = max(1 if issparse(X) else X.shape[1], self._n_outputs)
        for block in row_blocks(X.shape[0], width, _NUMBERS):
            yield block, to_float32(take_rows(X, block), centre), models

    def _combine(self, X):
        X = self._validate_new(X)
        combined = np.empty((X.shape[0], self._n_outputs))
        for block, part in self._combine_blocks(X):
            combined[block] = part
        return combined

    def _combine_blocks(self, X):
        """Yield blocks of validated rows and what the models say of them."""
        scale, mean = self._output_scale()
        for block, rows, models in self._blocks(X):
            combined = np.zeros((rows.shape[0], self._n_outputs))
            for model in models:
                combined += combined_outputs(model, rows)
            check_outputs(combined, rows)
            yield block, combined / len(models) * scale + mean


def _routed(models, X):
    """Return experts, weights and outputs of the routed pairs, row by row."""
    parts = [routed_outputs(model, X) for model in models]
    size = models[0].n_experts
    for part in parts:
        check_outputs(part[1], X)
    chosen = np.hstack([part[0] + i * size for i, part in enumerate(parts)])
    weights = np.hstack([part[1] for part in parts]).astype(np.float64)
    weights /= weights.sum(axis=1, keepdims=True)
    return chosen, weights, np.concatenate([part[2] for part in parts], axis=1)
