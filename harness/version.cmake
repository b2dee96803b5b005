# Which suite this is: ${CMAKE_BINARY_DIR}/generated/forkcost_version.h, made anew by every build
# (a revision taken when CMake ran is wrong after the next commit) and touched only when it changes.
#
# harness/CMakeLists.txt includes this file; the build runs it again as a script.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(header "${CMAKE_BINARY_DIR}/generated/forkcost_version.h")
  add_custom_target(forkcost_version
    BYPRODUCTS "${header}"
    COMMAND "${CMAKE_COMMAND}"
      "-DSOURCE_DIR=${CMAKE_SOURCE_DIR}"
      "-DHEADER=${header}"
      "-DFORKCOST_VERSION=${PROJECT_VERSION}"
      "-DFORKCOST_BUILD_TYPE=${CMAKE_BUILD_TYPE}"
      "-DFORKCOST_GOOGLE_BENCHMARK=${benchmark_VERSION}"
      -P "${CMAKE_CURRENT_LIST_FILE}"
    COMMENT "Looking up the revision of the suite"
    VERBATIM)
  add_dependencies(forkcost_harness forkcost_version)
  return()
endif()

set(FORKCOST_REVISION unknown)
# --no-optional-locks: a build must not get in the way of a commit that runs at the same time.
execute_process(COMMAND git --no-optional-locks -C "${SOURCE_DIR}" rev-parse --show-toplevel
  OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
# An archive that was unpacked inside another repository has no revision of its own.
file(REAL_PATH "${SOURCE_DIR}" source)
if(NOT failed AND top STREQUAL source)
  execute_process(
    COMMAND git --no-optional-locks -C "${SOURCE_DIR}"
      describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(FORKCOST_REVISION "${revision}")
  endif()
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/version.h.in" "${HEADER}" @ONLY)
