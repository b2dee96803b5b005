#include "harness/events/libpfm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <perfmon/pfmlib_perf_event.h>

#include <cstdlib>

#include "harness/error.h"
#include "harness/near_names.h"

namespace forkcost {
namespace {

constexpr size_t kNearNames = 5;

// libpfm4's structures tell their version by their size.
template <typename T>
T sized() {
  T value{};
  value.size = sizeof value;
  return value;
}

// Without that of the kernel's own PMU, whose names are found first.
std::string full_name(const pfm_pmu_info_t& pmu, const std::string& event) {
  return pmu.pmu == PFM_PMU_PERF_EVENT ? event : fmt::format("{}::{}", pmu.name, event);
}

void add_event(std::vector<KnownEvent>& events, const pfm_pmu_info_t& pmu, int index) {
  auto info = sized<pfm_event_info_t>();
  if (pfm_get_event_info(index, PFM_OS_PERF_EVENT_EXT, &info) != PFM_SUCCESS) return;
  const std::string name = full_name(pmu, info.name);
  const size_t before = events.size();
  for (int i = 0; i < info.nattrs; ++i) {
    auto attribute = sized<pfm_event_attr_info_t>();
    if (pfm_get_event_attr_info(info.idx, i, PFM_OS_PERF_EVENT_EXT, &attribute) != PFM_SUCCESS ||
        attribute.type != PFM_ATTR_UMASK) {
      continue;
    }
    events.push_back({fmt::format("{}:{}", name, attribute.name),
                      fmt::format("{}: {}", info.desc, attribute.desc)});
  }
  if (events.size() == before) events.push_back({name, info.desc});
}

}  // namespace

void start_libpfm() {
  const int error = pfm_initialize();
  if (error != PFM_SUCCESS) {
    throw Failure(fmt::format("libpfm4 does not start: {}", pfm_strerror(error)));
  }
}

std::variant<Event, std::string> encode_event(const std::string& name) {
  Event event{.name = name};
  auto encoding = sized<pfm_perf_encode_arg_t>();
  encoding.attr = &event.attr;
  const int error = pfm_get_os_event_encoding(name.c_str(), PFM_PLM0 | PFM_PLM3,
                                              PFM_OS_PERF_EVENT_EXT, &encoding);
  if (error == PFM_SUCCESS) return event;
  std::vector<std::string> names;
  for (KnownEvent& known : known_events()) names.push_back(std::move(known.name));
  return fmt::format("{}: {}; the nearest are {} (--list-counters lists all)", name,
                     pfm_strerror(error), fmt::join(near_names(names, name, kNearNames), ", "));
}

std::vector<KnownEvent> known_events() {
  std::vector<KnownEvent> events;
  int number = 0;
  pfm_for_all_pmus(number) {
    const auto which = static_cast<pfm_pmu_t>(number);
    auto pmu = sized<pfm_pmu_info_t>();
    if (pfm_get_pmu_info(which, &pmu) != PFM_SUCCESS || pmu.is_present == 0) continue;
    if (pmu.type == PFM_PMU_TYPE_UNCORE) continue;
    for (int i = pmu.first_event; i != -1; i = pfm_get_event_next(i)) add_event(events, pmu, i);
  }
  return events;
}

}  // namespace forkcost
