"""A test host that runs a scripted module of 3D Slicer without the application."""
