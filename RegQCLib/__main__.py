"""``python -m RegQCLib`` is the ``regqc`` command, for Pythons whose scripts are not on PATH."""

from RegQCLib.cli.entry import run

run()
