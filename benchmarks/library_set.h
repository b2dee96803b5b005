// The generated libraries and the programs that are linked with them (images/libraries/README.md).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/arena.h"

namespace forkcost {

// One program: what it is linked with. The values are those of case names; the defaults are the
// centre of the design.
struct LoadPoint {
  size_t libraries = 16;
  std::string shape = "flat";    // flat, chain, directories
  size_t relocations = 1000;     // of each library
  std::string kind = "rela";     // rela, relr, symbolic, plt
  std::string binding = "lazy";  // lazy, now, now-relro
  std::string hash = "gnu";      // gnu, sysv
  bool operator==(const LoadPoint&) const = default;
};

// All points that are generated. Without libraries, or without relocations, the other values are
// the centre's.
std::vector<LoadPoint> load_points();

// Where they lie; no word of whether they are there.
std::filesystem::path load_program(const LoadPoint& point);
// In the order in which the loader loads them.
std::vector<std::filesystem::path> load_libraries(const LoadPoint& point);
// A library with 4 MiB of text, no two pages of it alike, and no relocations. Throws Failure when
// it is missing.
std::filesystem::path text_library();

// Throws Skip where the linker could not make them, or this machine's libc cannot load them;
// Failure when a file is missing.
void require_generated(const LoadPoint& point);

// Whether program and libraries are what the point says, read from the files themselves. Throws
// Failure for one that is damaged.
std::vector<Check> verify_load_point(const LoadPoint& point);

}  // namespace forkcost
