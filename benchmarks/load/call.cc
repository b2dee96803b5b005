// Calls of a library's functions through the PLT, each of 1,000 once (time:first) and once more
// (time:second). Loaded with RTLD_LAZY (binding:lazy) the first call has the loader look the
// function up; with RTLD_NOW (binding:now) that was done before. The library is searched after the
// program and libc. A first call also has the first touches of the library's text in it, and a
// lookup those of its hash table and strings; the jump slots, relocations and symbols were touched
// before, by the loader or by our looking at them. call_ns is one call, timer cost subtracted (a
// histogram).
#include <algorithm>

#include "benchmarks/cache_state.h"
#include "benchmarks/load/groups.h"
#include "benchmarks/load/loading_image.h"
#include "benchmarks/load/out_of_band.h"

namespace forkcost {
namespace {

const LoadPoint kSet{.libraries = 4, .kind = "plt"};

std::vector<uint32_t> times_ns(const forkcost_loading& told, int pass) {
  const double cost = clock_info().stamp_cost_ns;
  std::vector<uint32_t> times(told.calls);
  std::ranges::transform(std::span(told.call_ticks[pass]).first(told.calls), times.begin(),
                         [&](uint32_t ticks) {
                           return static_cast<uint32_t>(std::max(ticks_to_ns(ticks) - cost, 0.0));
                         });
  return times;
}

void measure_call(Measurement& m, const std::string& binding, bool second) {
  require_generated(kSet);
  for (Check& check : verify_load_point(kSet)) m.verified(std::move(check));
  LoadPoint point = kSet;
  point.libraries = 1;
  CacheState cache(load_libraries(point), false);
  LoadingImage loading(m, point, binding, "local", "calls");
  while (m.next_sample()) {
    cache.before_sample();
    loading.run();
    cache.after_sample(m);
    const forkcost_loading& told = loading.told();
    const uint64_t all = kSet.relocations;
    m.require_equal("functions called", all, told.calls);
    m.require_equal("of them bound before", binding == "now" ? all : 0, told.bound_before);
    m.require_equal("and after", all, told.bound_after);
    m.record_many("call_ns", times_ns(told, second ? 1 : 0));
  }
  cache.verify(m);
}

}  // namespace

void add_call_cases(std::vector<Case>& cases) {
  for (const std::string binding : {"lazy", "now"}) {
    for (const bool second : {false, true}) {
      const bool looks_up = binding == "lazy" && !second;
      cases.push_back({.benchmark = "call",
                       .axes = {{"binding", binding}, {"time", second ? "second" : "first"}},
                       .preset = looks_up ? Preset::kSmoke : Preset::kQuick,
                       .primary = "call_ns",
                       .primary_cpu = "",
                       .body = [=](Measurement& m) { measure_call(m, binding, second); }});
    }
  }
}

}  // namespace forkcost
