"""How alike two images on one grid are: classical measures in NumPy, one a file.

Shared conventions. Images are (D, H, W) arrays on the same grid; the mask, where given, is a
boolean array of that shape, and statistics are taken inside it only. Every measure says in its
docstring whether larger means more alike or less. They are supporting evidence in a report, and
baselines in Testing/Benchmarks: none of them decides a verdict.
"""
