// A process loads libraries by dlopen, one after the other: 100 functions each, which they call
// through the PLT, so that RTLD_LAZY and RTLD_NOW differ. Axis time:
//   first          nobody else has them loaded; they are in the page cache
//   second         the same process, again: it only gets its handles
//   other-process  the first time in this process, while another one has them loaded
//   namespace      by dlmopen, all of them in one new namespace, when they are loaded already. They
//                  need no libc: libraries that do bring a second one into it
// dlopen_ns is the time for all of them; minor_faults and major_faults are those during it.
#include <memory>

#include "benchmarks/cache_state.h"
#include "benchmarks/load/groups.h"
#include "benchmarks/load/loading_image.h"
#include "benchmarks/load/out_of_band.h"

namespace forkcost {
namespace {

struct Loading {
  size_t libraries;
  std::string mode;
  std::string scope;
  std::string time;
};

const LoadPoint kSet{.libraries = 64, .relocations = 100, .kind = "plt"};

void verify(Measurement& m, const Loading& asked, const forkcost_loading& told) {
  const uint64_t all = asked.libraries, slots = all * kSet.relocations;
  m.require_equal("libraries loaded", all, told.libraries);
  m.require_equal("jump slots", slots, told.jump_slots);
  m.require_equal("jump slots bound by loading", asked.mode == "now" ? slots : 0,
                  told.bound_before);
  m.require_equal("libraries that everybody finds", asked.scope == "global" ? all : 0, told.global);
  m.require_equal("libraries loaded a second time", asked.time == "namespace" ? all : 0,
                  told.copies);
}

void measure_dlopen(Measurement& m, const Loading& asked) {
  require_generated(kSet);
  for (Check& check : verify_load_point(kSet)) m.verified(std::move(check));
  LoadPoint point = kSet;
  point.libraries = asked.libraries;
  CacheState cache(load_libraries(point), false);
  const bool beside = asked.time == "other-process";
  LoadingImage loading(m, point, asked.mode, asked.scope, beside ? "first" : asked.time);
  std::unique_ptr<WaitingImage> other;
  if (beside) {
    other = std::make_unique<WaitingImage>(m.timeline(), loading.image(), loading.environment());
    m.verified({"libraries of the other process", std::to_string(asked.libraries),
                std::to_string(loading.told().libraries),
                loading.told().libraries == asked.libraries});
  }
  while (m.next_sample()) {
    cache.before_sample();
    loading.run();
    cache.after_sample(m);
    verify(m, asked, loading.told());
    const forkcost_step& step = m.timeline().page().steps[0];
    m.record("dlopen_ns", ticks_to_ns(static_cast<double>(step.end - step.begin)));
    m.record("minor_faults", static_cast<double>(step.minor_faults));
    m.record("major_faults", static_cast<double>(step.major_faults));
  }
  if (other) other->end();
  cache.verify(m);
}

// standard: one axis at a time, from 16 libraries by RTLD_LAZY and RTLD_LOCAL as the first. quick:
// lazy and now, where nothing else is.
Preset preset_of(const Loading& asked) {
  const bool first = asked.time == "first";
  if (asked.libraries == 16 && asked.scope == "local" && asked.time != "other-process") {
    return first && asked.mode == "lazy" ? Preset::kSmoke : Preset::kQuick;
  }
  const int varied =
      (asked.libraries != 16) + (asked.mode != "lazy") + (asked.scope != "local") + (first ? 0 : 1);
  return varied == 1 ? Preset::kStandard : Preset::kFull;
}

}  // namespace

void add_dlopen_cases(std::vector<Case>& cases) {
  for (const size_t libraries : {1u, 16u, 64u}) {
    for (const std::string mode : {"lazy", "now"}) {
      for (const std::string scope : {"local", "global"}) {
        for (const std::string time : {"first", "second", "other-process", "namespace"}) {
          if (time == "namespace" && scope == "global") continue;  // dlmopen knows no RTLD_GLOBAL
          const Loading asked{libraries, mode, scope, time};
          cases.push_back({.benchmark = "dlopen",
                           .axes = {{"libraries", std::to_string(libraries)},
                                    {"mode", mode},
                                    {"scope", scope},
                                    {"time", time}},
                           .preset = preset_of(asked),
                           .primary = "dlopen_ns",
                           .primary_cpu = "",
                           .body = [asked](Measurement& m) { measure_dlopen(m, asked); }});
        }
      }
    }
  }
}

}  // namespace forkcost
