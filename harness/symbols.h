// Names of kernel functions: /proc/kallsyms, with those of modules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace forkcost {

class KernelSymbols {
 public:
  struct Function {
    std::string_view name;    // lives as long as the symbols
    std::string_view module;  // empty: of the kernel itself

    bool operator==(const Function&) const = default;
  };

  // From the text of kallsyms. Only functions are kept.
  explicit KernelSymbols(std::string text);

  // The function that `address` is in: the last one that begins at it or before; none before the
  // first.
  std::optional<Function> find(uint64_t address) const;
  size_t size() const { return symbols_.size(); }

 private:
  struct Symbol {
    uint64_t address;
    uint32_t name;  // begins here in text_
  };

  std::string text_;
  std::vector<Symbol> symbols_;  // ascending
};

// Throws Skip where the addresses are hidden: cheap, to be asked before samples are taken.
void require_kernel_symbols();

// This kernel's. Throws Skip where the addresses are hidden, with the setting that hides them. They
// take some 20 MB, so let them go before anything is measured.
KernelSymbols read_kernel_symbols();

}  // namespace forkcost
