# forkcost_unit_tests(target): a program of GoogleTest whose tests take nothing but it and the build
# tree. Each is a test of ctest with the label `unit`; in a cross build, where this machine cannot run
# the program, all of it is one test that runs it in a VM (ci/CMakeLists.txt).
#
# The target `unit_tests` is what tests with the label `unit` take: all that a sanitizer is shown.
include(GoogleTest)
add_custom_target(unit_tests)
function(forkcost_unit_tests target)
  add_dependencies(unit_tests ${target})
  # The tests themselves, not what they test. Optimised as that is, one of their files takes 8 to 12 s to
  # compile, most of it JSON and GoogleTest; like this two thirds of it.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(CMAKE_CROSSCOMPILING)
    set_property(GLOBAL APPEND PROPERTY forkcost_unit_tests ${target})
  else()
    gtest_discover_tests(${target} PROPERTIES LABELS unit)
  endif()
endfunction()
