# forkcost_install_program(target): a program that a user types, into bin/.
#
# Linked with static libraries where those are to be had (GoogleBenchmark.cmake): what is left then
# belongs to every Linux with glibc. Otherwise the shared libraries that it loads are collected in
# forkcost_dependencies, which Packaging.cmake installs beside it: a target machine may have neither
# Google Benchmark nor libstdc++.
function(forkcost_install_program target)
  if(FORKCOST_STATIC)
    # libgcc_s stays the target's: Debian 12's, static or shared, wants glibc 2.35.
    target_link_options(${target} PRIVATE -static-libstdc++)
    target_sources(${target} PRIVATE "${CMAKE_SOURCE_DIR}/harness/arc4random.c")
    install(TARGETS ${target} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    return()
  endif()
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
