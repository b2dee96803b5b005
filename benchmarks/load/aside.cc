#include "benchmarks/load/aside.h"

#include <set>

namespace forkcost {

void Aside::add(const std::string& quantity, double value, const QuantityInfo& info) {
  Series& series = series_[quantity];
  series.info = info;
  series.values.push_back(value);
}

void Aside::add(const MemoryUse& use) {
  add("private_dirty_bytes", static_cast<double>(use.private_dirty), kBytes);
  add("page_table_bytes", static_cast<double>(use.page_tables), kBytes);
  add("pss_bytes", static_cast<double>(use.pss), kBytes);
}

void Aside::record(Measurement& m) {
  if (m.warming_up()) return;
  for (auto& [quantity, series] : series_) {
    if (series.values.empty()) continue;
    m.record(quantity, series.values.back(), series.info);
    series.values.pop_back();
  }
}

void require_equal(Measurement& m, const char* name, uint64_t expected, uint64_t observed) {
  if (expected == observed && !m.first_sample()) return;
  m.verified({name, std::to_string(expected), std::to_string(observed), expected == observed});
}

LibraryUse read_library_use(pid_t pid, const LoadPoint& point) {
  std::set<std::string> names;
  for (const std::filesystem::path& library : load_libraries(point)) {
    names.insert(std::filesystem::canonical(library));
  }
  LibraryUse use;
  std::set<std::string> mapped;
  for (const Mapping& mapping : read_mappings(pid)) {
    if (!names.contains(mapping.path)) continue;
    mapped.insert(mapping.path);
    const auto dirty = mapping.fields.find("Private_Dirty");
    if (dirty != mapping.fields.end()) use.private_dirty += dirty->second;
  }
  use.libraries = mapped.size();
  return use;
}

}  // namespace forkcost
