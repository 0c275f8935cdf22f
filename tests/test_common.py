"""scikit-learn's own checks over every public estimator in several configurations."""

import sys
from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

sys.path.insert(0, str(Path(__file__).parent))
from instances import ALL

WEIGHT_CHECKS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
REASONS = {
    "NoneType": "KMeans draws its first centres by weight, another draw than by row",
    "RandomPartitioner": "random cells are drawn by row, whatever the weights",
    "GaussianMixture": "the mixture takes no weights",
    "Pipeline": "a scaler in front of KMeans gets no weights",
}


def expected_failures(estimator):
    """Only weight equivalence, and only where the partitioner is not equivalent."""
    parameters = estimator.get_params(deep=False)
    if "partitioner" not in parameters or parameters["n_experts"] == 1:
        return {}
    reason = REASONS[type(parameters["partitioner"]).__name__]
    return dict.fromkeys(WEIGHT_CHECKS, reason)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ALL, expected_failed_checks=expected_failures, xfail_strict=True)
def test_scikit_learn_check(estimator, check):
    check(estimator)
