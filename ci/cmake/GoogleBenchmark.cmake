# benchmark::benchmark, from its source as a static library, or else the shared one of the system.
#
# A shared library more is one that every child has to copy, and drags libstdc++ along as a second;
# the archive then asks for the C library that both were built with. No distribution packages a static
# one, so ci/setup.sh fetches the source of the very package that is installed.
set(FORKCOST_BENCHMARK_SOURCE "" CACHE PATH
  "Source tree of Google Benchmark, linked statically (default: what ci/setup.sh fetched, if it did)")

set(source "${FORKCOST_BENCHMARK_SOURCE}")
# Nobody measures with sanitizers, nor ships what has them.
if(NOT source AND NOT FORKCOST_SANITIZE
    AND EXISTS "${CMAKE_SOURCE_DIR}/build/sources/benchmark/CMakeLists.txt")
  set(source "${CMAKE_SOURCE_DIR}/build/sources/benchmark")
endif()
# Beside a shared Google Benchmark, with its shared libstdc++, ours must not have another one.
string(COMPARE NOTEQUAL "${source}" "" FORKCOST_STATIC)

if(NOT FORKCOST_STATIC)
  find_package(benchmark 1.7 REQUIRED)
  message(STATUS "Google Benchmark ${benchmark_VERSION}, the system's shared library: ci/setup.sh "
    "fetches the source of a static one, or name it in FORKCOST_BENCHMARK_SOURCE")
  return()
endif()
if(NOT EXISTS "${source}/include/benchmark/benchmark.h")
  message(FATAL_ERROR "FORKCOST_BENCHMARK_SOURCE=${source} has no include/benchmark/benchmark.h: name the "
    "root of Google Benchmark's source tree, or leave it empty for the system's library")
endif()

function(forkcost_add_benchmark source)
  foreach(part TESTING GTEST_TESTS INSTALL WERROR LIBPFM DOXYGEN)
    set(BENCHMARK_ENABLE_${part} OFF CACHE INTERNAL "")
  endforeach()
  set(BUILD_SHARED_LIBS OFF)
  # It would take its version from the git repository that it lies in, which is ours.
  set(CMAKE_DISABLE_FIND_PACKAGE_Git ON)
  set(CMAKE_MESSAGE_LOG_LEVEL WARNING)
  set(CMAKE_POLICY_VERSION_MINIMUM 3.5)  # 1.7 asks for less, which CMake 4 refuses
  add_subdirectory("${source}" "${CMAKE_BINARY_DIR}/benchmark" EXCLUDE_FROM_ALL SYSTEM)
  get_directory_property(version DIRECTORY "${source}" DEFINITION PROJECT_VERSION)
  set(benchmark_VERSION "${version}" PARENT_SCOPE)
endfunction()
forkcost_add_benchmark("${source}")
message(STATUS "Google Benchmark ${benchmark_VERSION}, static, from ${source}")
