// The events of one process creation, stamped by parent, child and image into one shared page.
#pragma once

#include <optional>
#include <string>

#include "harness/clock.h"
#include "harness/timeline_page.h"

namespace forkcost {

// Ticks from one event to another; none unless both were stamped. Negative when they are out of
// order.
std::optional<int64_t> ticks_between(const forkcost_timeline_page& page, forkcost_event from,
                                     forkcost_event to);

// Names the first pair of events that is out of order (a clock that is not in step on all CPUs, or
// stamps left over from another creation); empty when there is none.
std::string find_disorder(const forkcost_timeline_page& page);

const char* event_name(forkcost_event event);

// The page, mapped shared: a private one would be write-protected by every fork, and stamping it
// would cost a fault. It is a memfd without close-on-exec, so that images can map it.
class Timeline {
 public:
  Timeline();
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  void reset();
  void stamp(forkcost_event event) { page_->ticks[event] = clock_ticks(); }
  forkcost_timeline_page& page() { return *page_; }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  forkcost_timeline_page* page_;
};

}  // namespace forkcost
