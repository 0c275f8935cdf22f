"""Looking at a model: what each expert is, and why a row gets what it gets."""

from skexperts.inspection._alpha_display import AlphaDisplay
from skexperts.inspection._coefficient_display import CoefficientDisplay
from skexperts.inspection._dictionary_display import DictionaryDisplay
from skexperts.inspection._expert_map_display import ExpertMapDisplay
from skexperts.inspection._expert_report import expert_report
from skexperts.inspection._explain import explain
from skexperts.inspection._explanation import Explanation
from skexperts.inspection._routing_display import RoutingDisplay

__all__ = [
    "AlphaDisplay",
    "CoefficientDisplay",
    "DictionaryDisplay",
    "ExpertMapDisplay",
    "Explanation",
    "RoutingDisplay",
    "expert_report",
    "explain",
]
