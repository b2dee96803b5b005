#include "benchmarks/library_set.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <optional>
#include <set>

#include "benchmarks/elf_file.h"
#include "benchmarks/load_statistics.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/size.h"

namespace forkcost {
namespace {

std::string describe(const LoadPoint& point) {
  return fmt::format("{} {} {} {} {} {}", point.libraries, point.shape, point.relocations,
                     point.kind, point.binding, point.hash);
}

bool supported(const LoadPoint& point) {
  try {
    require_generated(point);
    return true;
  } catch (const Skip& skip) {
    std::printf("%s: %s\n", describe(point).c_str(), skip.what());
    return false;
  }
}

// What the program and its loader say, with descriptor 9 closed: the program ends with 65 then.
std::string run(const LoadPoint& point, const char* debug) {
  const std::string command =
      fmt::format("LD_DEBUG={} '{}' 9 counter 9<&- 2>&1", debug, load_program(point).string());
  FILE* const pipe = popen(command.c_str(), "r");
  std::string said;
  for (int c = 0; (c = fgetc(pipe)) != EOF;) said += static_cast<char>(c);
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 65) << said;
  return said;
}

uint64_t parameter(const LoadPoint& point, const std::string& name) {
  const auto set = read_text_file(load_program(point).parent_path() / "set");
  const size_t at = set.value().find(name + " ");
  return std::stoull(set->substr(at + name.size() + 1));
}

TEST(LibrarySets, HaveAllPointsOnce) {
  std::set<std::string> seen;
  for (const LoadPoint& point : load_points()) EXPECT_TRUE(seen.insert(describe(point)).second);
  EXPECT_GT(seen.size(), 20u);
}

TEST(LibrarySets, AreWhatTheirNamesSay) {
  for (const LoadPoint& point : load_points()) {
    if (!supported(point)) continue;
    for (const Check& check : verify_load_point(point)) {
      EXPECT_TRUE(check.ok) << describe(point) << ", " << check.name << ": expected "
                            << check.expected << ", found " << check.observed;
    }
  }
}

TEST(LibrarySets, HaveTheirTextAndTheirSymbols) {
  for (const LoadPoint& point : load_points()) {
    if (!supported(point)) continue;
    const bool named = point.kind == "symbolic" || point.kind == "plt";
    const uint64_t entries = point.kind == "plt" ? 2 : 1;
    for (const auto& library : load_libraries(point)) {
      const ElfFile elf = read_elf_file(library);
      EXPECT_GE(elf.text_bytes, parameter(point, "text"));
      EXPECT_EQ(elf.dynamic_symbols,
                parameter(point, "symbols") + entries + (named ? point.relocations : 0));
      EXPECT_EQ(elf.soname, library.filename());
    }
  }
}

TEST(LibrarySets, ThatAreMissingAreNamed) {
  LoadPoint point;
  point.relocations = 999;
  EXPECT_THROW(require_generated(point), Failure);
  point = {.libraries = 17};
  try {
    require_generated(point);
    ADD_FAILURE() << "found it";
  } catch (const Failure& failure) {
    const std::string said = failure.what();
    EXPECT_NE(said.find("libraries/flat-rela-1000-lazy-gnu/program-17"), std::string::npos) << said;
    EXPECT_NE(said.find("build or install the whole suite"), std::string::npos) << said;
  }
}

TEST(LibrarySets, TheLoaderCountsWhatTheFilesSay) {
  const LoadStatistics none = parse_load_statistics(run({.libraries = 0}, "statistics"));
  if (!none.relocations) GTEST_SKIP() << "this libc's loader has no LD_DEBUG=statistics";
  for (const LoadPoint& point : load_points()) {
    if (!supported(point)) continue;
    const LoadStatistics found = parse_load_statistics(run(point, "statistics"));
    const uint64_t all = point.libraries * point.relocations;
    const bool looked_up =
        point.kind == "symbolic" || (point.kind == "plt" && point.binding != "lazy");
    EXPECT_EQ(found.relative.value() - none.relative.value(), point.kind == "rela" ? all : 0)
        << describe(point);
    EXPECT_EQ(found.relocations.value() - none.relocations.value(), looked_up ? all : 0)
        << describe(point);
    EXPECT_EQ(found.from_cache, none.from_cache) << describe(point);
  }
}

TEST(LibrarySets, OfDirectoriesAreSearchedInVain) {
  const LoadPoint point{.libraries = 16, .shape = "directories"};
  const uint64_t tried = count_tried_files(run(point, "libs"));
  if (tried == 0) GTEST_SKIP() << "this libc's loader has no LD_DEBUG=libs";
  const uint64_t flat = count_tried_files(run({}, "libs"));
  // Library k behind k directories without it, libc behind 16; beside that, each new directory is
  // asked for its subdirectories, once.
  EXPECT_GE(tried, 16 * 15 / 2 + 16 + 16);
  EXPECT_GT(tried, flat);
}

TEST(TextLibrary, HasNoTwoPagesAlike) {
  const ElfFile elf = read_elf_file(text_library());
  const std::string bytes = read_text_file(text_library()).value();
  std::set<std::string> pages;
  for (uint64_t at = 0; at < 4 * kMiB; at += 4096) {
    pages.insert(bytes.substr(elf.text.value().offset + at, 4096));
  }
  EXPECT_EQ(pages.size(), 4 * kMiB / 4096);
}

}  // namespace
}  // namespace forkcost
