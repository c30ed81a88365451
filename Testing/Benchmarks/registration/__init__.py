"""Registration beside its peers: phantoms with exact truth, and real images."""
