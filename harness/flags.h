// What follows from the table of flags, for the runner and the bench programs alike.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/flag_table.h"
#include "harness/json_fwd.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 calls it so
class App;
}

namespace forkcost {

// The value of a flag that was given, or its default; in the order of FlagKind. Without either an
// empty text, no words, or none.
using FlagValue =
    std::variant<bool, std::string, std::optional<std::string>, std::vector<std::string>,
                 std::optional<int>, std::optional<uint64_t>, std::optional<double>>;

// Where in the table a flag is. A name that is not in it does not compile.
struct FlagPlace {
  size_t index;

  template <size_t length>
  consteval FlagPlace(const char (&name)[length])
      : index(static_cast<size_t>(std::ranges::find(kFlags, std::string_view(name), &Flag::name) -
                                  kFlags.begin())) {
    if (index == kFlags.size()) throw "no such flag in flag_table.h";
  }
};

// A value for each flag of the table: options.get<"--cpu">().
class Settings {
 public:
  Settings();  // nothing was given, and no defaults

  template <FlagPlace place>
  const auto& get() const {
    return std::get<kind_of(place)>(values_[place.index]);
  }
  template <FlagPlace place>
  auto& get() {
    return std::get<kind_of(place)>(values_[place.index]);
  }

  FlagValue& of(const Flag& flag) { return values_[index_of(flag)]; }
  const FlagValue& of(const Flag& flag) const { return values_[index_of(flag)]; }

 private:
  static constexpr size_t kind_of(FlagPlace place) {
    return static_cast<size_t>(kFlags[place.index].kind);
  }
  static size_t index_of(const Flag& flag) { return static_cast<size_t>(&flag - kFlags.data()); }

  std::array<FlagValue, kFlags.size()> values_;
};

// A program that takes flags: one side of TakenBy.
enum class Program : uint8_t { kRunner, kBench };

bool takes(Program program, const Flag& flag);

// Declares the program's flags, to be parsed into `settings`, which gets the defaults.
void add_flags(CLI::App& app, Program program, Settings& settings);

// What a parser of words cannot see: sizes, times, and that the CPU may be used. Throws UsageError.
void check_settings(const Settings& settings);

// The words of a command line that give these flags again: those of them that have a value.
std::vector<std::string> words_of(const Settings& settings, bool (*wanted)(const Flag& flag));

// Those that the runner hands on.
std::vector<std::string> words_for_bench(const Settings& settings);

// key -> value of the flags that stand at least in `files`; an optional one, and words, that were
// not given do not.
Json describe_settings(const Settings& settings, KeptIn files);
// Back from describe_settings(…, kJournal). Throws Json::exception.
Settings parse_settings(const Json& json);

}  // namespace forkcost
