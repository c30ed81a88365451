"""Between MRML nodes and RegQCLib: needs slicer, vtk and NumPy, and neither qt nor ctk."""
