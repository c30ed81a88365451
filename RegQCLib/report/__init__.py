"""Reports people and programs read: one HTML page, JSON by schema, slices as CSV.

The page is text, SVG and small PNG images inside one file: no scripts, no fonts, no network.
"""
