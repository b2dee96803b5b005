#include "harness/measurement.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "harness/case_result.h"
#include "harness/error.h"
#include "harness/size.h"
#include "harness/tests/values.h"

namespace forkcost {
namespace {

Case make_case(std::function<void(Measurement&)> body) {
  return {.benchmark = "test",
          .axes = {{"path", "fork"}, {"heap", "8MiB"}},
          .arena = ArenaSpec{8 * kMiB, Backing::kBasePages},
          .required = {FORKCOST_CHILD},
          .call = "fork",
          .body = std::move(body)};
}

MeasureOptions options() {
  return {.cpu = allowed_cpus().back(), .budget_ms = 5, .time_limit_s = 20};
}

// One fork in each sample, and what `after` does then.
template <typename After>
void fork_once_and(Measurement& m, After after) {
  while (m.next_sample()) {
    m.call();
    const pid_t pid = fork();
    if (pid == 0) end_child(m.timeline());
    m.resumed(pid);
    m.reap();
    after();
  }
}

void fork_once(Measurement& m) {
  fork_once_and(m, [] {});
}

TEST(Case, NameHoldsItsAxesInOrder) {
  EXPECT_EQ(make_case(nullptr).name(), "test/path:fork/heap:8MiB");
}

TEST(Case, NameLeavesOutWhatHasItsDefault) {
  Case the_case = make_case(nullptr);
  the_case.axes.emplace_back("backing", "4k");
  EXPECT_EQ(the_case.name(), "test/path:fork/heap:8MiB");
  EXPECT_EQ(the_case.full_name(), "test/path:fork/heap:8MiB/backing:4k");
  EXPECT_EQ(describe_axes_of(the_case)["backing"], "4k");
  the_case.axes.back().second = "thp";
  EXPECT_EQ(the_case.name(), "test/path:fork/heap:8MiB/backing:thp");
}

TEST(Case, AnAxisThatIsInNoTableIsAnError) {
  Case the_case = make_case(nullptr);
  the_case.axes.emplace_back("colour", "red");
  EXPECT_THROW(the_case.name(), Failure);
}

TEST(Preset, NamesAreReadBack) {
  for (const Preset preset : {Preset::kSmoke, Preset::kQuick, Preset::kStandard, Preset::kFull}) {
    EXPECT_EQ(parse_preset(preset_name(preset)), preset);
  }
  EXPECT_THROW(parse_preset("fast"), UsageError);
}

TEST(Measure, AForkHasItsPhases) {
  const Case the_case = make_case(fork_once);
  const CaseResult result = measure(the_case, options(), 1);
  const auto& entry = result.entry;
  ASSERT_EQ(entry["outcome"]["status"], "ok") << entry.dump(1);
  EXPECT_EQ(entry["heap_bytes"], 8 * kMiB);
  EXPECT_EQ(entry["pid"], getpid());
  for (const char* quantity : {"blocked_ns", "blocked_cpu_ns", "child_start_ns", "teardown_ns",
                               "total_ns", "child_cpu_ns"}) {
    ASSERT_TRUE(entry["quantities"].contains(quantity)) << quantity;
    const Json row = describe_quantities()[quantity];
    size_t values = 0;
    for (const auto& [value, count] : values_of(entry["quantities"][quantity], row)) {
      EXPECT_GE(value, 0) << quantity;
      values += count;
    }
    EXPECT_GE(values, 3u) << quantity;
  }
  EXPECT_FALSE(entry["quantities"].contains("main_start_ns"));  // nobody stamped it: absent, not 0
  EXPECT_GT(result.real_time_ns, 0);
  EXPECT_GE(entry["verification"].size(), 5u);
}

TEST(Measure, WhatHasNoRowInATableIsNoFigure) {
  for (const bool many : {false, true}) {
    const Case the_case = make_case([many](Measurement& m) {
      fork_once_and(m, [&] {
        if (many) {
          m.record_many("unknown_ns", std::array<uint32_t, 1>{7});
        } else {
          m.record("unknown_ns", 7);
        }
      });
    });
    const auto outcome = measure(the_case, options(), 1).entry["outcome"];
    EXPECT_EQ(outcome["status"], "failed");
    EXPECT_NE(outcome["reason"].get<std::string>().find("'unknown_ns' is in no table"),
              std::string::npos)
        << outcome;
  }
}

TEST(Measure, AsManySamplesAsAreAskedFor) {
  const Case the_case = make_case(fork_once);
  EXPECT_GE(measure(the_case, options(), 100).samples, 100u);
}

TEST(Measure, WhatDidNotHappenHasNoFigure) {
  const Case the_case = make_case([](Measurement& m) {
    while (m.next_sample()) {
      m.call();
      const pid_t pid = fork();
      if (pid == 0) _exit(0);  // does not stamp `child`
      m.resumed(pid);
      m.reap();
    }
  });
  const CaseResult result = measure(the_case, options(), 1);
  EXPECT_EQ(result.entry["outcome"]["status"], "failed");
  EXPECT_NE(result.entry["outcome"]["reason"].get<std::string>().find("'child'"),
            std::string::npos);
  EXPECT_FALSE(result.entry.contains("quantities"));
  EXPECT_EQ(result.samples, 0u);
}

TEST(Measure, AFailedVerificationHasNoFigure) {
  const Case the_case = make_case([](Measurement& m) {
    m.arena();
    m.verified({"minor faults", "2048", "4", false});
    fork_once(m);
  });
  const CaseResult result = measure(the_case, options(), 1);
  EXPECT_EQ(result.entry["outcome"]["status"], "failed");
  EXPECT_FALSE(result.entry.contains("quantities"));
  EXPECT_EQ(result.entry["verification"].back()["observed"], "4");
}

TEST(Measure, AFailedForkIsNotAFigure) {
  const Case the_case = make_case([](Measurement& m) {
    while (m.next_sample()) {
      m.call();
      m.resumed(-1, EAGAIN);
    }
  });
  const CaseResult result = measure(the_case, options(), 1);
  EXPECT_EQ(result.entry["outcome"]["status"], "failed");
  const std::string reason = result.entry["outcome"]["reason"];
  EXPECT_NE(reason.find("fork in a parent of 8MiB"), std::string::npos) << reason;
  EXPECT_NE(reason.find("EAGAIN"), std::string::npos) << reason;
}

TEST(Measure, WhatFailsByChanceIsTriedAgain) {
  for (const auto& [bad, status] : {std::pair{2, "ok"}, {3, "skipped"}}) {
    int left = bad;
    const Case the_case = make_case([&left](Measurement& m) {
      m.arena();
      m.verified({"luck", "1", "1", true});
      if (left-- > 0) throw Skip("no luck", Skip::kByChance);
      fork_once(m);
    });
    const auto entry = measure(the_case, options(), 1).entry;
    EXPECT_EQ(entry["outcome"]["status"], status);
    EXPECT_EQ(left, status == std::string("ok") ? -1 : 0);
    EXPECT_EQ(entry["outcome"]["attempts"], 3);
    const auto& checks = entry["verification"];
    EXPECT_EQ(std::ranges::count_if(checks, [](const auto& c) { return c["check"] == "luck"; }), 1);
  }
}

TEST(Measure, WhatFailsByChanceIsNotTriedBeyondTheTimeLimit) {
  MeasureOptions short_limit = options();
  short_limit.time_limit_s = 0.05;
  int tries = 0;
  const Case the_case = make_case([&tries](Measurement&) {
    ++tries;
    usleep(40'000);
    throw Skip("no luck", Skip::kByChance);
  });
  const auto outcome = measure(the_case, short_limit, 1).entry["outcome"];
  EXPECT_EQ(outcome["status"], "skipped") << outcome;
  EXPECT_EQ(tries, 1);
}

TEST(Case, ASkippedCaseHasTheChecksThatWereMadeOrNone) {
  const Case at_once = make_case([](Measurement&) { throw Skip("not here"); });
  EXPECT_FALSE(measure(at_once, options(), 1).entry.contains("verification"));
  const Case later = make_case([](Measurement& m) {
    m.next_sample();
    throw Skip("not now");
  });
  EXPECT_FALSE(measure(later, options(), 1).entry.at("verification").empty());
}

TEST(Case, AnOperationThatDoesNotRunIsNamedByItsEvent) {
  Case the_case = make_case(fork_once);
  the_case.required = {FORKCOST_MAIN};
  const auto outcome = measure(the_case, options(), 1).entry["outcome"];
  EXPECT_EQ(outcome["status"], "failed");
  EXPECT_EQ(outcome["reason"], "event 'main' missing: the operation did not run");
}

TEST(Measure, WhatThisMachineCannotDoIsTriedOnce) {
  int tries = 0;
  const Case the_case = make_case([&tries](Measurement&) {
    ++tries;
    throw Skip("no such call");
  });
  EXPECT_EQ(measure(the_case, options(), 1).entry["outcome"]["status"], "skipped");
  EXPECT_EQ(tries, 1);
}

TEST(Measure, WhatThisMachineCannotDoIsSkipped) {
  Case the_case = make_case(fork_once);
  the_case.arena = ArenaSpec{4096 * kGiB, Backing::kBasePages};
  EXPECT_EQ(measure(the_case, options(), 1).entry["outcome"]["status"], "skipped");
}

TEST(Measure, AWrongPlacementIsNeverASample) {
  Case the_case = make_case([](Measurement& m) {
    while (m.next_sample()) {
      m.call();
      const int here = current_cpu_number();
      m.timeline().stamp(FORKCOST_CHILD);
      m.timeline().page().child_cpu = here;  // as if every child began on its parent's CPU
      m.resumed(0);
      m.reaped(0);
    }
  });
  the_case.placement = Placement::kOtherCpu;
  const auto entry = measure(the_case, options(), 1).entry;
  EXPECT_EQ(entry["outcome"]["status"], "skipped") << entry.dump(1);
  if (allowed_cpus().size() > 1) {
    EXPECT_EQ(entry["outcome"]["by_chance"], true);
  }
}

}  // namespace
}  // namespace forkcost
