#include "benchmarks/image.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>

#include "harness/error.h"
#include "harness/procfs.h"

namespace forkcost {
namespace {

constexpr std::array<const char*, 3> kImages = {"nolibc", "static", "dynamic"};

void expect_to_stay(const char* name) {
  Timeline timeline;
  const Image image(name, timeline, {"an argument that images ignore"});
  WaitingImage first(timeline, image);
  EXPECT_GT(ticks_between(timeline.page(), FORKCOST_CALL, FORKCOST_MAIN).value_or(0), 0);
  EXPECT_EQ(timeline.page().ticks[FORKCOST_EXIT], 0u);
  WaitingImage second(timeline, image);
  EXPECT_EQ(read_mappings(first.pid()).front().path, image.path());
  EXPECT_EQ(read_mappings(second.pid()).front().path, image.path());
  first.end();  // the second does not keep it
  EXPECT_EQ(kill(second.pid(), 0), 0);
  second.end();
  EXPECT_EQ(find_disorder(timeline.page()), "");
}

TEST(WaitingImages, StayUntilTheyAreLetGo) {
  for (const char* const name : kImages) {
    SCOPED_TRACE(name);
    expect_to_stay(name);
  }
}

TEST(WaitingImages, EndWithTheirOwner) {
  Timeline timeline;
  pid_t pid = -1;
  {
    const Image image("dynamic", timeline);
    const WaitingImage waiting(timeline, image);
    pid = waiting.pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(Images, ThatAreMissingAreNamed) {
  const Timeline timeline;
  try {
    const Image image("no-such-image", timeline);
    ADD_FAILURE() << "found it";
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("libexec/forkcost/no-such-image"),
              std::string::npos);
  }
}

TEST(Images, OneThatEndsInPlaceOfWaitingIsAFailure) {
  Timeline timeline;
  const Image image("/bin/true", timeline);
  EXPECT_THROW(WaitingImage(timeline, image), Failure);
}

}  // namespace
}  // namespace forkcost
