"""A whole race day in virtual time: the new functions, the legacy system as a model, and what distinguishes them."""
