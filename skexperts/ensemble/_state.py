"""What of a partitioned model is written when it is pickled."""

from scipy.sparse import csr_array

from skexperts.ensemble._linear import stack_of


class PickledState:
    """State without the stack of linear experts, which is made again of the experts.

    Sparse deviations are written as the arrays they consist of: skops, which loads what
    it trusts only, does not trust csr_array.
    """

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_linear", None)
        if "deviation_" in state:
            state["deviation_"] = [
                (own.data, own.indices, own.indptr, own.shape)
                for own in state["deviation_"]
            ]
        return state

    def __setstate__(self, state):
        state = dict(state)
        if "deviation_" in state:
            state["deviation_"] = [
                csr_array((data, indices, indptr), shape=tuple(shape))
                for data, indices, indptr, shape in state["deviation_"]
            ]
        super().__setstate__(state)
        if "_router" in state:
            self._linear = stack_of(self, self.n_features_in_)
