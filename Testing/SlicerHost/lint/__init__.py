"""Rules for code that must run under PythonQt, Qt 5 and Qt 6: `python -m SlicerHost.lint RegQC`.

Each rule answers one difference between PySide6, in which the tests run, and PythonQt, in which
users run: see the table in README.md beside this package. A finding that is wrong is silenced by
`# pythonqt: PQ01` at the end of its line.
"""
