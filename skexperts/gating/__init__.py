"""Gates: from affinities to non-negative weights over experts."""

from skexperts.gating._distance_gate import DistanceGate
from skexperts.gating._hard_gate import HardGate

__all__ = ["DistanceGate", "HardGate"]
