#include "harness/timeline.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "harness/error.h"

namespace forkcost {

std::optional<int64_t> ticks_between(const forkcost_timeline_page& page, forkcost_event from,
                                     forkcost_event to) {
  if (page.ticks[from] == 0 || page.ticks[to] == 0) return std::nullopt;
  return static_cast<int64_t>(page.ticks[to] - page.ticks[from]);
}

std::string find_disorder(const forkcost_timeline_page& page) {
  // Parent and child run side by side: `resumed` has no order against the child's events.
  constexpr std::array<forkcost_event, 8> kChain = {FORKCOST_CALL,  FORKCOST_CHILD, FORKCOST_EXEC,
                                                    FORKCOST_IMAGE, FORKCOST_ENTRY, FORKCOST_MAIN,
                                                    FORKCOST_EXIT,  FORKCOST_REAPED};
  constexpr std::array<forkcost_event, 3> kParent = {FORKCOST_CALL, FORKCOST_RESUMED,
                                                     FORKCOST_REAPED};
  const auto scan = [&](const auto& chain) -> std::string {
    std::optional<forkcost_event> last;
    for (const forkcost_event event : chain) {
      if (page.ticks[event] == 0) continue;
      if (last && *ticks_between(page, *last, event) < 0) {
        return fmt::format("'{}' is stamped before '{}'", event_name(event), event_name(*last));
      }
      last = event;
    }
    return "";
  };
  std::string disorder = scan(kChain);
  return disorder.empty() ? scan(kParent) : disorder;
}

const char* event_name(forkcost_event event) {
  static constexpr std::array<const char*, FORKCOST_EVENTS> kNames = {
      "call", "resumed", "child", "exec", "image", "entry", "main", "exit", "reaped"};
  return kNames.at(event);
}

Timeline::Timeline() : descriptor_(check(memfd_create("forkcost-timeline", 0), "memfd_create")) {
  check(ftruncate(descriptor_, sizeof(forkcost_timeline_page)), "ftruncate of the timeline");
  void* page = mmap(nullptr, sizeof(forkcost_timeline_page), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_POPULATE, descriptor_, 0);
  if (page == MAP_FAILED) {
    const int error = errno;
    close(descriptor_);
    throw_errno("mmap of the timeline", error);
  }
  page_ = static_cast<forkcost_timeline_page*>(page);
  reset();
}

Timeline::~Timeline() {
  munmap(page_, sizeof(*page_));
  close(descriptor_);
}

void Timeline::reset() {
  for (volatile uint64_t& ticks : page_->ticks) ticks = 0;
  page_->child_cpu = -1;
  page_->child_errno = 0;
  page_->child_failed_at[0] = '\0';
  for (volatile int32_t& word : page_->room) word = 0;
  for (forkcost_step& step : page_->steps) {
    step.begin = 0;
    step.end = 0;
    step.minor_faults = 0;
    step.major_faults = 0;
  }
}

}  // namespace forkcost
