# What `cmake --install` and `cpack` bring along besides the programs: see InstallProgram.cmake.

install(FILES README.md CHANGELOG.md LICENSE results/FORMAT.md DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/forkcost")

# Where the programs are not static but for libc: all shared libraries but libc's own, which belong to
# the kernel and loader of the machine that the programs will run on.
if(NOT FORKCOST_STATIC)
  install(RUNTIME_DEPENDENCY_SET forkcost_dependencies
    PRE_EXCLUDE_REGEXES "^ld(-linux|64|-musl)" "^lib(c|m|pthread|rt|dl)\\.(so|musl)"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/forkcost")
endif()

# build/release> cpack  =>  forkcost-VERSION-linux-x86_64.tar.gz, with one directory of that name
string(TOLOWER "${CMAKE_SYSTEM_NAME}" CPACK_SYSTEM_NAME)
string(APPEND CPACK_SYSTEM_NAME "-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME forkcost)
set(CPACK_PACKAGE_VENDOR forkcost)
set(CPACK_PACKAGE_FILE_NAME "forkcost-${PROJECT_VERSION}-${CPACK_SYSTEM_NAME}")
set(CPACK_INCLUDE_TOPLEVEL_DIRECTORY ON)
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
