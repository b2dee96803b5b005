#include "harness/symbols.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <utility>

#include "harness/error.h"
#include "harness/files.h"

namespace forkcost {
namespace {

constexpr size_t kTypeColumn = 17;  // behind 16 digits and a space

// Code: global, local and weak.
bool is_function(char type) {
  return type == 'T' || type == 't' || type == 'W' || type == 'w';
}

}  // namespace

// Lines are "ffffffff81000000 T name" and for modules "… t name\t[module]".
KernelSymbols::KernelSymbols(std::string text) : text_(std::move(text)) {
  const char* const begin = text_.data();
  const char* const end = begin + text_.size();
  for (const char* line = begin; line < end;) {
    const char* const next = std::find(line, end, '\n');
    uint64_t address = 0;
    const auto [rest, error] = std::from_chars(line, next, address, 16);
    if (error == std::errc() && address != 0 && next - rest > 3 && is_function(rest[1])) {
      symbols_.push_back({address, static_cast<uint32_t>(rest + 3 - begin)});
    }
    line = next + 1;
  }
  // Of names of one address the first one is taken.
  std::ranges::stable_sort(symbols_, {}, &Symbol::address);
  const auto same = [](const Symbol& a, const Symbol& b) { return a.address == b.address; };
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(), same), symbols_.end());
}

std::optional<KernelSymbols::Function> KernelSymbols::find(uint64_t address) const {
  const auto after = std::ranges::upper_bound(symbols_, address, {}, &Symbol::address);
  if (after == symbols_.begin()) return std::nullopt;
  const std::string_view rest = std::string_view(text_).substr((after - 1)->name);
  const std::string_view line = rest.substr(0, rest.find('\n'));
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return Function{line, {}};
  std::string_view module = line.substr(tab + 1);  // "[name]"
  if (module.starts_with('[') && module.ends_with(']')) {
    module = module.substr(1, module.size() - 2);
  }
  return Function{line.substr(0, tab), module};
}

void require_kernel_symbols() {
  std::ifstream file("/proc/kallsyms");
  if (!file) throw Skip("/proc/kallsyms cannot be read: the kernel was built without kallsyms");
  std::string line;
  while (std::getline(file, line)) {
    const KernelSymbols one(line);
    if (one.size() > 0) return;
    // Hidden addresses are 0; others of that value are no functions.
    if (line.size() > kTypeColumn && is_function(line[kTypeColumn])) break;
  }
  throw Skip(
      "the addresses in /proc/kallsyms are hidden; as root: sysctl kernel.kptr_restrict=0 "
      "kernel.perf_event_paranoid=1, or give the program CAP_SYSLOG");
}

KernelSymbols read_kernel_symbols() {
  require_kernel_symbols();
  return KernelSymbols(read_text_file("/proc/kallsyms").value_or(""));
}

}  // namespace forkcost
