# The macros of a scripted module. Files are copied into the build tree, keeping their folder, and
# installed from there.
include(CMakeParseArguments)
enable_testing()

macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MOCK "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES"
    ${ARGN})
  if(MOCK_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown keywords: ${MOCK_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT MOCK_NAME OR NOT MOCK_SCRIPTS)
    message(FATAL_ERROR "NAME and SCRIPTS are mandatory")
  endif()

  set(mock_lib ${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR})
  set(mock_to ${mock_lib})
  set(mock_from ${mock_lib}/)
  if(MOCK_WITH_SUBDIR)
    get_filename_component(mock_name ${CMAKE_CURRENT_SOURCE_DIR} NAME)
    set(mock_to ${mock_lib}/${mock_name})
    set(mock_from ${mock_to})
  endif()

  set(mock_copied)
  foreach(mock_file ${MOCK_SCRIPTS})
    if(NOT mock_file MATCHES "\\.py$")
      string(APPEND mock_file ".py")
    endif()
    mock_copy(${mock_file})
  endforeach()
  foreach(mock_file ${MOCK_RESOURCES})
    mock_copy(${mock_file})
  endforeach()
  add_custom_target(Copy${MOCK_NAME}PythonFiles ALL DEPENDS ${mock_copied})
  install(DIRECTORY ${mock_from} DESTINATION ${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}
    COMPONENT Runtime)
endmacro()

macro(mock_copy file)
  if(IS_ABSOLUTE ${file} OR NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    message(FATAL_ERROR "${MOCK_NAME}: no file ${file} in ${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  add_custom_command(
    OUTPUT ${mock_to}/${file}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file}
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${mock_to}/${file}
    )
  list(APPEND mock_copied ${mock_to}/${file})
endmacro()

macro(slicer_add_python_unittest)
  cmake_parse_arguments(MOCK "" "SCRIPT;TESTNAME_PREFIX" "SLICER_ARGS" ${ARGN})
  get_filename_component(mock_name ${MOCK_SCRIPT} NAME_WE)
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${MOCK_SCRIPT})
    message(FATAL_ERROR "no script ${MOCK_SCRIPT} in ${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  add_test(NAME py_${mock_name} COMMAND ${CMAKE_COMMAND} -E true)
endmacro()
