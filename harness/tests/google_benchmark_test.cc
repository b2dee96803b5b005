#include "harness/google_benchmark.h"

#include <gtest/gtest.h>

#include <string>

#include "harness/reporter.h"

namespace forkcost {
namespace {

// What the headers of 1.7 and of 1.8 have, whichever of them is installed here.
struct Run17 {
  bool error_occurred = false;
};
struct Run18 {
  enum { kNotSkipped = 0, kSkippedWithMessage, kSkippedWithError } skipped = kNotSkipped;
};

TEST(GoogleBenchmark, ARunThatWasSkippedIsKnownInBothVersions) {
  EXPECT_FALSE(was_skipped(Run17{false}));
  EXPECT_TRUE(was_skipped(Run17{true}));
  EXPECT_FALSE(was_skipped(Run18{Run18::kNotSkipped}));
  EXPECT_TRUE(was_skipped(Run18{Run18::kSkippedWithMessage}));
  EXPECT_TRUE(was_skipped(Run18{Run18::kSkippedWithError}));
}

TEST(GoogleBenchmark, AMinimalTimeHasAUnitWhereTheVersionWantsOne) {
  EXPECT_EQ(min_time_value<Run17>("0"), "0");
  EXPECT_EQ(min_time_value<Run17>("0.5s"), "0.5");
  EXPECT_EQ(min_time_value<Run18>("0"), "0s");
  EXPECT_EQ(min_time_value<Run18>("0.5s"), "0.5s");
  EXPECT_EQ(min_time_value<Run18>("3x"), "3x");
}

TEST(GoogleBenchmark, ItsWarningOfADebugLibraryIsNotOurs) {
  EXPECT_EQ(without_debug_warning("Run on (2 X 2000 MHz CPUs)\n***WARNING*** Library was built as "
                                  "DEBUG. Timings may be affected.\n"),
            "Run on (2 X 2000 MHz CPUs)\n");
  EXPECT_EQ(without_debug_warning("***WARNING*** CPU scaling is enabled\n"),
            "***WARNING*** CPU scaling is enabled\n");
  EXPECT_EQ(without_debug_warning(""), "");
}

// The one that is installed: it compiles, and a fresh run has not been skipped.
TEST(GoogleBenchmark, TheInstalledVersionIsRead) {
  EXPECT_FALSE(was_skipped(benchmark::BenchmarkReporter::Run()));
}

}  // namespace
}  // namespace forkcost
