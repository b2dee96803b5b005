#include "harness/runner/reasons.h"

#include <gtest/gtest.h>

namespace forkcost::runner {
namespace {

std::vector<std::string> texts(const std::vector<Reason>& reasons) {
  std::vector<std::string> found;
  for (const ReasonKind& kind : group_reasons(reasons)) found.push_back(kind.text);
  return found;
}

TEST(GroupReasons, OneSentenceWithOtherNumbersIsOneKind) {
  const auto kinds = group_reasons({{"a", "needs 16 MiB, and 1,234 pages are free"},
                                    {"b", "needs 1 GiB, and 98 pages are free"},
                                    {"c", "needs 512 MiB, and 98 pages are free"}});
  ASSERT_EQ(kinds.size(), 1U);
  EXPECT_EQ(kinds[0].text, "needs 16 MiB to 1 GiB, and 98 to 1,234 pages are free");
  EXPECT_EQ(kinds[0].cases, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(GroupReasons, WhatDoesNotDifferStaysAsItIs) {
  EXPECT_EQ(
      texts({{"a", "glibc 2.34 on x86_64: 64kB, -1"}, {"b", "glibc 2.34 on x86_64: 64kB, -1"}}),
      std::vector<std::string>{"glibc 2.34 on x86_64: 64kB, -1"});
}

// "x86_64" has no number that could be a range; nor has a name.
TEST(GroupReasons, DigitsInAWordAreNoNumber) {
  EXPECT_EQ(texts({{"a", "no libm2"}, {"b", "no libm3"}}).size(), 2U);
}

TEST(GroupReasons, OtherSentencesAreOtherKindsAndTheCommonestIsFirst) {
  const auto kinds = group_reasons({{"a", "no memory"},
                                    {"b", "no rights (EPERM)"},
                                    {"b", "no rights (EPERM)"},
                                    {"c", "no rights (EPERM)"}});
  ASSERT_EQ(kinds.size(), 2U);
  EXPECT_EQ(kinds[0].text, "no rights (EPERM)");
  EXPECT_EQ(kinds[0].cases, (std::vector<std::string>{"b", "c"})) << "a case has several rounds";
  EXPECT_EQ(kinds[1].text, "no memory");
}

TEST(GroupReasons, SurviveAnyText) {
  EXPECT_EQ(texts({{"a", ""}, {"a", "1e9999 " + std::string(400, '9') + ". 1,,2 ,3"}}).size(), 2U);
}

}  // namespace
}  // namespace forkcost::runner
