#include "harness/symbols.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "harness/error.h"
#include "harness/procfs.h"

namespace forkcost {
namespace {

// Code: global, local and weak. Two names may stand for one address; the global one is the better.
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
  // Of names of one address kallsyms' order decides, which has the global ones of the kernel first.
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

KernelSymbols read_kernel_symbols() {
  auto text = read_text_file("/proc/kallsyms");
  if (!text) throw Skip("/proc/kallsyms cannot be read: the kernel was built without kallsyms");
  KernelSymbols symbols(std::move(*text));
  if (symbols.size() == 0) {
    throw Skip(
        "the addresses in /proc/kallsyms are hidden; as root: sysctl kernel.kptr_restrict=0 "
        "kernel.perf_event_paranoid=1, or give the program CAP_SYSLOG");
  }
  return symbols;
}

}  // namespace forkcost
