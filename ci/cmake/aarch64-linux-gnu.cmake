# Toolchain: builds for aarch64 on another machine, with Debian's cross compiler and the :arm64
# development packages that stand beside the native ones (ci/setup.sh --aarch64).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# CMake finds libraries in /usr/lib/aarch64-linux-gnu by the compiler's own word. What lies in
# /usr/local was built for this machine, and nothing there says so.
set(CMAKE_SYSTEM_IGNORE_PREFIX_PATH /usr/local)
