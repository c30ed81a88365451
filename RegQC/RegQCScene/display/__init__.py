"""Ways to look at a pair in the slice views; the inputs' nodes are never changed for good."""
