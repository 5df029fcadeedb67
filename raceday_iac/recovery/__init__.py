"""Out of trouble: what is proven to be stuck is ended by a safe step, everything else is only reported."""
