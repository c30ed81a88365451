# Slicer sets up the package here; installing into a folder shows what would be in it.
if(NOT EXISTS "${EXTENSION_LICENSE_FILE}")
  message(FATAL_ERROR "EXTENSION_LICENSE_FILE names no file: ${EXTENSION_LICENSE_FILE}")
endif()
