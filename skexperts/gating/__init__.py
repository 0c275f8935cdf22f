"""Gates: from affinities to non-negative weights over experts."""

from skexperts.gating._distance_gate import DistanceGate
from skexperts.gating._hard_gate import HardGate
from skexperts.gating._mixin import GateMixin
from skexperts.gating._sigmoid_gate import SigmoidGate
from skexperts.gating._softmax_gate import SoftmaxGate

__all__ = ["DistanceGate", "GateMixin", "HardGate", "SigmoidGate", "SoftmaxGate"]
