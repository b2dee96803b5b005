#include "benchmarks/library_set.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "benchmarks/elf_file.h"
#include "benchmarks/image.h"
#include "harness/error.h"
#include "harness/files.h"

namespace forkcost {
namespace {

std::filesystem::path set_directory(const LoadPoint& point) {
  return image_directory() / "libraries" /
         fmt::format("{}-{}-{}-{}-{}", point.shape, point.kind, point.relocations, point.binding,
                     point.hash);
}

void require_file(const std::filesystem::path& file) {
  if (access(file.c_str(), R_OK) == 0) return;
  throw_errno(file.string(), errno,
              "build or install the whole suite: generated libraries lie in "
              "libexec/forkcost/libraries beside bin");
}

// An older loader ignores DT_RELR, and the library's pointers with it.
void require_relr_in_loader() {
  int major = 0;
  int minor = 0;
  const char* const version = gnu_get_libc_version();
  if (sscanf(version, "%d.%d", &major, &minor) == 2 && std::pair(major, minor) < std::pair(2, 36)) {
    throw Skip(fmt::format("RELR relocations need glibc 2.36 or later; this is {}", version));
  }
}

// Sums over all libraries of a point, each of which has to be right.
struct Observed {
  size_t libraries = 0;
  ElfRelocations relocations;
  size_t gnu = 0, sysv = 0, now = 0, relro = 0, linked_to_next = 0;
};

Observed observe(const std::vector<std::filesystem::path>& libraries) {
  Observed sum;
  for (size_t i = 0; i < libraries.size(); ++i) {
    const ElfFile elf = read_elf_file(libraries[i]);
    ++sum.libraries;
    sum.relocations.relative += elf.relocations.relative;
    sum.relocations.relr_words += elf.relocations.relr_words;
    sum.relocations.symbolic += elf.relocations.symbolic;
    sum.relocations.indirect += elf.relocations.indirect;
    sum.relocations.jump_slots += elf.relocations.jump_slots;
    sum.gnu += elf.gnu_hash;
    sum.sysv += elf.sysv_hash;
    sum.now += elf.bind_now;
    sum.relro += elf.relro;
    sum.linked_to_next += i + 1 < libraries.size() && elf.runpath == "$ORIGIN" &&
                          elf.needed == std::vector{libraries[i + 1].filename().string()};
  }
  return sum;
}

std::string describe(const ElfRelocations& found) {
  return fmt::format("rela {}, relr {}, symbolic {}, plt {}", found.relative, found.relr_words,
                     found.symbolic + found.indirect, found.jump_slots);
}

ElfRelocations expected_relocations(const LoadPoint& point) {
  ElfRelocations expected;
  const uint64_t all = point.libraries * point.relocations;
  if (point.kind == "rela") expected.relative = all;
  if (point.kind == "relr") expected.relr_words = all;
  if (point.kind == "symbolic") expected.symbolic = all;
  if (point.kind == "plt") expected.jump_slots = all;
  return expected;
}

// What the program asks for, libc at the end, and where it looks.
std::string wanted_by_program(const LoadPoint& point) {
  const auto libraries = load_libraries(point);
  std::string needed;
  std::string path;
  for (size_t i = 0; i < libraries.size(); ++i) {
    if (point.shape != "chain" || i == 0) needed += libraries[i].filename().string() + " ";
    if (point.shape == "directories") path += fmt::format("{}$ORIGIN/{:03}", i == 0 ? "" : ":", i);
  }
  return needed + "libc in " + (path.empty() ? "$ORIGIN" : path);
}

std::string found_in_program(const ElfFile& elf) {
  std::string needed;
  for (const std::string& name : elf.needed) {
    needed += name.starts_with("libc.") ? "libc" : name + " ";
  }
  return needed + " in " + elf.runpath;
}

}  // namespace

std::vector<LoadPoint> load_points() {
  std::vector<LoadPoint> points;
  for (const size_t libraries : {0u, 1u, 4u, 16u, 64u, 256u})
    points.push_back({.libraries = libraries});
  points.push_back({.shape = "chain"});
  for (const size_t libraries : {4u, 16u, 64u}) {
    points.push_back({.libraries = libraries, .shape = "directories"});
  }
  for (const size_t libraries : {4u, 16u}) {
    points.push_back({.libraries = libraries, .relocations = 0});
    points.push_back({.libraries = libraries, .kind = "symbolic"});
    points.push_back({.libraries = libraries, .kind = "symbolic", .hash = "sysv"});
  }
  points.push_back({.libraries = 4, .relocations = 10000});
  points.push_back({.libraries = 4, .relocations = 10000, .kind = "symbolic"});
  for (const size_t relocations : {1000u, 10000u}) {
    points.push_back({.libraries = 4, .relocations = relocations, .kind = "relr"});
    for (const char* const binding : {"lazy", "now", "now-relro"}) {
      points.push_back(
          {.libraries = 4, .relocations = relocations, .kind = "plt", .binding = binding});
    }
  }
  return points;
}

std::filesystem::path load_program(const LoadPoint& point) {
  return set_directory(point) / fmt::format("program-{}", point.libraries);
}

std::vector<std::filesystem::path> load_libraries(const LoadPoint& point) {
  std::vector<std::filesystem::path> libraries;
  const std::filesystem::path set = set_directory(point);
  for (size_t i = 0; i < point.libraries; ++i) {
    const auto directory = point.shape == "directories" ? set / fmt::format("{:03}", i) : set;
    libraries.push_back(directory / fmt::format("libfc-{:03}.so", i));
  }
  return libraries;
}

std::filesystem::path text_library() {
  const std::filesystem::path library = image_directory() / "libraries" / "text" / "libfc-000.so";
  require_file(library);
  return library;
}

void require_generated(const LoadPoint& point) {
  if (const auto reason = read_text_file(set_directory(point) / "unsupported")) {
    throw Skip(reason->substr(0, reason->find('\n')));
  }
  if (point.kind == "relr") require_relr_in_loader();
  require_file(load_program(point));
  for (const auto& library : load_libraries(point)) require_file(library);
}

std::vector<Check> verify_load_point(const LoadPoint& point) {
  const Observed found = observe(load_libraries(point));
  const auto count = [](size_t number) { return std::to_string(number); };
  const bool now = point.binding != "lazy";
  const bool gnu = point.hash == "gnu";
  const size_t all = point.libraries;
  std::vector<Check> checks = {
      check_equal("relocations", describe(expected_relocations(point)),
                  describe(found.relocations)),
      check_equal("libraries with a gnu hash", count(gnu ? all : 0), count(found.gnu)),
      check_equal("libraries with a sysv hash", count(gnu ? 0 : all), count(found.sysv)),
      check_equal("libraries bound at once", count(now ? all : 0), count(found.now)),
      check_equal("libraries with RELRO", count(point.binding == "now-relro" ? all : 0),
                  count(found.relro)),
      check_equal("libraries that need the next one",
                  count(point.shape == "chain" && all > 0 ? all - 1 : 0),
                  count(found.linked_to_next)),
  };
  const ElfFile program = read_elf_file(load_program(point));
  checks.push_back(
      check_equal("program needs", wanted_by_program(point), found_in_program(program)));
  checks.push_back(check_equal("program is position independent", "yes",
                               program.position_independent ? "yes" : "no"));
  return checks;
}

}  // namespace forkcost
