# forkcost_install_program(target): a program that a user types, into bin/.
#
# The shared libraries that it loads are collected in forkcost_dependencies, which Packaging.cmake
# installs beside it: a target machine may have neither Google Benchmark nor libstdc++.
function(forkcost_install_program target)
  # RPATH, not RUNPATH: only RPATH also finds what our libraries themselves load.
  target_link_options(${target} PRIVATE LINKER:--disable-new-dtags)
  # The same in the build tree, where that directory is absent and the system's libraries are taken.
  # CMake would else reserve room for the path by colons, each of which means the current directory.
  set_target_properties(${target} PROPERTIES
    INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/forkcost"
    INSTALL_RPATH_USE_LINK_PATH ON
    BUILD_WITH_INSTALL_RPATH ON)
  install(TARGETS ${target} RUNTIME_DEPENDENCY_SET forkcost_dependencies
          RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()
