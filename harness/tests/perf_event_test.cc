#include "harness/perf_event.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "harness/error.h"
#include "harness/events.h"
#include "harness/tests/fake_perf_kernel.h"

namespace forkcost {
namespace {

testing::AssertionResult says(const std::string& text, const std::string& words) {
  if (text.find(words) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << text << "' does not say '" << words << "'";
}

Event instructions() {
  Event event{.name = "instructions"};
  event.attr.type = PERF_TYPE_HARDWARE;
  event.attr.config = PERF_COUNT_HW_INSTRUCTIONS;
  return event;
}

bool is_hardware(const perf_event_attr& attr) {
  return attr.type == PERF_TYPE_HARDWARE;
}

TEST(WhyRefused, NamesAVirtualMachineWithoutPmu) {
  FakePerfKernel kernel;
  kernel.on_open = [](const auto& attr) { return is_hardware(attr) ? -ENOENT : 0; };
  kernel.the_policy.virtual_machine = true;
  EXPECT_EQ(why_not(kernel, instructions()), "no PMU in this virtual machine");
  kernel.the_policy.virtual_machine = false;
  EXPECT_EQ(why_not(kernel, instructions()), "no PMU that this kernel knows");
}

TEST(WhyRefused, TellsAnEventThatTheCpuLacksFromACpuWithoutEvents) {
  FakePerfKernel kernel;
  kernel.on_open = [](const auto& attr) {
    return attr.config == PERF_COUNT_HW_INSTRUCTIONS ? -ENOENT : 0;
  };
  EXPECT_TRUE(says(*why_not(kernel, instructions()), "event not on this CPU"));
}

TEST(WhyRefused, NamesTheSettingThatForbids) {
  FakePerfKernel kernel;
  kernel.on_open = [](const auto& attr) { return attr.exclude_kernel ? 0 : -EACCES; };
  kernel.the_policy.paranoid = 2;
  EXPECT_TRUE(says(*why_not(kernel, instructions()), "perf_event_paranoid is 2: user only"));
  EXPECT_TRUE(says(*why_not(kernel, instructions()), "CAP_PERFMON"));
  kernel.on_open = [](const auto&) { return -EACCES; };
  kernel.the_policy.paranoid = 3;
  EXPECT_TRUE(says(*why_not(kernel, instructions()), "perf_event_paranoid is 3"));
}

TEST(WhyRefused, NamesSeccomp) {
  FakePerfKernel kernel;
  kernel.on_open = [](const auto&) { return -EPERM; };
  kernel.the_policy = {.paranoid = 1, .seccomp_filter = true};
  EXPECT_TRUE(says(*why_not(kernel, instructions()), "forbidden by seccomp"));
  kernel.the_policy.seccomp_filter = false;
  EXPECT_TRUE(says(*why_not(kernel, instructions()), "EPERM"));
}

TEST(WhyRefused, NamesWhatElseIsInTheWay) {
  FakePerfKernel kernel;
  kernel.on_open = [](const auto&) { return -EMFILE; };
  EXPECT_TRUE(says(*why_not(kernel, instructions()), "ulimit -n"));
  kernel.on_open = [](const auto&) { return -ENOSYS; };
  EXPECT_TRUE(says(*why_not(kernel, instructions()), "CONFIG_PERF_EVENTS"));
}

TEST(WhyNot, LeavesNothingOpen) {
  FakePerfKernel kernel;
  EXPECT_EQ(why_not(kernel, instructions()), std::nullopt);
  EXPECT_TRUE(kernel.opened.empty());
}

TEST(EncodeEvents, KnowsModifiersSoftwareAndRawEvents) {
  const auto events = encode_events("instructions:k, cycles:u,minor-faults,r01c2");
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].name, "instructions:k");
  EXPECT_EQ(events[0].attr.type, PERF_TYPE_HARDWARE);
  EXPECT_EQ(events[0].attr.config, PERF_COUNT_HW_INSTRUCTIONS);
  EXPECT_TRUE(events[0].attr.exclude_user && !events[0].attr.exclude_kernel);
  EXPECT_TRUE(!events[1].attr.exclude_user && events[1].attr.exclude_kernel);
  EXPECT_TRUE(events[2].is_software());
  EXPECT_EQ(events[2].attr.config, PERF_COUNT_SW_PAGE_FAULTS_MIN);
  EXPECT_FALSE(events[2].attr.exclude_kernel || events[2].attr.exclude_hv);
  EXPECT_EQ(events[3].attr.type, PERF_TYPE_RAW);
  EXPECT_EQ(events[3].attr.config, 0x1c2U);
}

TEST(EncodeEvents, GivesTheUnit) {
  const auto events = encode_events("task-clock,page-faults");
  EXPECT_EQ(events[0].unit(), "ns");
  EXPECT_EQ(events[1].unit(), "1");
}

std::string refusal(const std::string& list) {
  try {
    encode_events(list);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(EncodeEvents, RefusesWhatItCannotCountAsNamed) {
  EXPECT_TRUE(says(refusal("cyclse"), "CYCLES"));
  EXPECT_TRUE(says(refusal(","), "names no event"));
  EXPECT_TRUE(says(refusal("cycles,cycles"), "twice"));
  // Trap: without the kernel's part the faults inside its copies are lost.
  EXPECT_TRUE(says(refusal("page-faults:u"), "without its modifier"));
}

}  // namespace
}  // namespace forkcost
