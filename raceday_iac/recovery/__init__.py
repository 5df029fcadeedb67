"""Recovery: what is proven to be stuck is repaired by a safe step, everything else is only reported."""
