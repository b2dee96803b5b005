#include "benchmarks/load/out_of_band.h"

#include <set>

namespace forkcost {

void OutOfBand::add(const std::string& quantity, double value) {
  series_[quantity].push_back(value);
}

void OutOfBand::add(const MemoryUse& use) {
  add("private_dirty_bytes", static_cast<double>(use.private_dirty));
  add("page_table_bytes", static_cast<double>(use.page_tables));
  add("pss_bytes", static_cast<double>(use.pss));
}

void OutOfBand::record(Measurement& m) {
  if (m.warming_up()) return;
  for (auto& [quantity, values] : series_) {
    if (values.empty()) continue;
    m.record(quantity, values.back());
    values.pop_back();
  }
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
    use.private_dirty += mapping.field("Private_Dirty");
  }
  use.libraries = mapped.size();
  return use;
}

}  // namespace forkcost
