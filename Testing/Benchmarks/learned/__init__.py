"""The tables of the seeds on networks that register, trained here on small sets of real images.

These models are experiments: they learn from real labels or images, split by subject, and do not
ship. Every seed of the random numbers also draws another split.
"""
