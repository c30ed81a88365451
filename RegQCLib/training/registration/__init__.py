"""Training of registration networks: ``regqc train registration``. One TOML file, one model."""
