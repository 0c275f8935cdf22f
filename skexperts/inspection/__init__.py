"""Looking at a model: what each expert is, and why a row gets what it gets."""

from skexperts.inspection._expert_report import expert_report
from skexperts.inspection._explain import explain
from skexperts.inspection._explanation import Explanation

__all__ = ["Explanation", "expert_report", "explain"]
