#include "harness/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "harness/error.h"
#include "harness/placement.h"
#include "harness/size.h"

namespace forkcost {
namespace {

template <typename T>
constexpr bool kIsOptional = false;
template <typename T>
constexpr bool kIsOptional<std::optional<T>> = true;

FlagValue no_value(FlagKind kind) {
  switch (kind) {
    case FlagKind::kSwitch:
      return false;
    case FlagKind::kText:
      return std::string();
    case FlagKind::kMaybeText:
      return std::optional<std::string>();
    case FlagKind::kTexts:
      return std::vector<std::string>();
    case FlagKind::kInteger:
      return std::optional<int>();
    case FlagKind::kUnsigned:
      return std::optional<uint64_t>();
    case FlagKind::kNumber:
      return std::optional<double>();
  }
  return {};
}

CLI::Option* add_flag(CLI::App& app, const Flag& flag, const std::string& meaning, bool& value) {
  return app.add_flag(std::string(flag.name), value, meaning);
}

// With the flag alone the value is there, and empty.
CLI::Option* add_flag(CLI::App& app, const Flag& flag, const std::string& meaning,
                      std::optional<std::string>& value) {
  return app
      .add_option_function<std::vector<std::string>>(
          std::string(flag.name),
          [&value](const std::vector<std::string>& given) {
            value = given.empty() ? "" : given.front();
          },
          meaning)
      ->expected(0, 1)
      ->type_name("TEXT");
}

CLI::Option* add_flag(CLI::App& app, const Flag& flag, const std::string& meaning,
                      std::vector<std::string>& value) {
  CLI::Option* const option = app.add_option(std::string(flag.name), value, meaning);
  option->type_name(std::string(flag.noun));
  if (flag.repeated) return option->allow_extra_args(false);
  return option->expected(flag.least_words, flag.most_words);
}

template <typename T>
CLI::Option* add_flag(CLI::App& app, const Flag& flag, const std::string& meaning, T& value) {
  return app.add_option(std::string(flag.name), value, meaning);
}

void add_check(CLI::Option& option, FlagCheck check) {
  switch (check) {
    case FlagCheck::kAboveZero:
      option.check(CLI::PositiveNumber);
      break;
    case FlagCheck::kNotBelowZero:  // CLI11 would take -5 for 2^64 - 5
      option.check(CLI::NonNegativeNumber);
      break;
    case FlagCheck::kRounds:
      option.check(CLI::Range(1, 100000));
      break;
    case FlagCheck::kNone:
    case FlagCheck::kSize:  // these by check_settings()
    case FlagCheck::kSizes:
    case FlagCheck::kPercent:
    case FlagCheck::kDuration:
      break;
  }
}

void exclude_what_measures(CLI::App& app, Program program) {
  CLI::Option* const show = app.get_option("--show");
  for (const Flag& flag : kFlags) {
    if (takes(program, flag) && !flag.shows) show->excludes(app.get_option(std::string(flag.name)));
  }
}

void append_words(std::vector<std::string>& words, const Flag& flag, const FlagValue& value) {
  const std::string name(flag.name);
  std::visit(
      [&](const auto& given) {
        using Value = std::decay_t<decltype(given)>;
        if constexpr (std::is_same_v<Value, bool>) {
          if (given) words.push_back(name);
        } else if constexpr (std::is_same_v<Value, std::optional<std::string>>) {
          if (given) words.push_back(name + (given->empty() ? "" : "=" + *given));
        } else if constexpr (kIsOptional<Value>) {
          if (given) words.insert(words.end(), {name, fmt::format("{}", *given)});
        } else if constexpr (std::is_same_v<Value, std::string>) {
          if (!given.empty()) words.insert(words.end(), {name, given});
        } else {  // texts
          for (size_t i = 0; i < given.size(); ++i) {
            if (i == 0 || flag.repeated) words.push_back(name);
            words.push_back(given[i]);
          }
        }
      },
      value);
}

}  // namespace

Settings::Settings() {
  for (size_t i = 0; i < kFlags.size(); ++i) values_[i] = no_value(kFlags[i].kind);
}

bool takes(Program program, const Flag& flag) {
  return flag.taken_by == TakenBy::kBoth ||
         (flag.taken_by == TakenBy::kRunner) == (program == Program::kRunner);
}

void add_flags(CLI::App& app, Program program, Settings& settings) {
  const bool runner = program == Program::kRunner;
  for (const Flag& flag : kFlags) {
    if (!takes(program, flag)) continue;
    const bool own = !runner && !flag.benchs_meaning.empty();
    const std::string meaning(own ? flag.benchs_meaning : flag.meaning);
    FlagValue& value = settings.of(flag);
    const bool has_default = runner && !flag.runners_default.empty();
    if (has_default) value = std::string(flag.runners_default);
    CLI::Option* const option =
        std::visit([&](auto& given) { return add_flag(app, flag, meaning, given); }, value);
    if (has_default) option->capture_default_str();
    add_check(*option, flag.check);
  }
  if (runner) exclude_what_measures(app, program);
}

void check_settings(const Settings& settings) {
  for (const Flag& flag : kFlags) {
    const auto* text = std::get_if<std::string>(&settings.of(flag));
    if (text == nullptr || text->empty()) continue;
    switch (flag.check) {
      case FlagCheck::kSize:
        parse_size(*text);
        break;
      case FlagCheck::kSizes:
        parse_sizes(*text);
        break;
      case FlagCheck::kPercent:
        parse_percent(*text);
        break;
      case FlagCheck::kDuration:
        parse_duration(*text);
        break;
      default:
        break;
    }
  }
  const std::optional<int> cpu = settings.get<"--cpu">();
  if (cpu && !std::ranges::binary_search(allowed_cpus(), *cpu)) {
    throw UsageError(fmt::format("--cpu {0}: CPU {0} is not in the affinity mask; allowed: {1}",
                                 *cpu, fmt::join(allowed_cpus(), ", ")));
  }
}

std::vector<std::string> words_of(const Settings& settings, bool (*wanted)(const Flag& flag)) {
  std::vector<std::string> words;
  for (const Flag& flag : kFlags) {
    if (wanted(flag)) append_words(words, flag, settings.of(flag));
  }
  return words;
}

std::vector<std::string> words_for_bench(const Settings& settings) {
  return words_of(settings, [](const Flag& flag) { return flag.handed_on; });
}

Json describe_settings(const Settings& settings, KeptIn files) {
  Json json = Json::object();
  for (const Flag& flag : kFlags) {
    if (flag.kept_in == KeptIn::kNothing || flag.kept_in < files) continue;
    const std::string key(flag.key);
    std::visit(
        [&](const auto& given) {
          using Value = std::decay_t<decltype(given)>;
          if constexpr (kIsOptional<Value>) {
            if (given) json[key] = *given;
          } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            if (!given.empty()) json[key] = given;
          } else {
            json[key] = given;
          }
        },
        settings.of(flag));
  }
  return json;
}

Settings parse_settings(const Json& json) {
  Settings settings;
  for (const Flag& flag : kFlags) {
    if (flag.kept_in == KeptIn::kNothing) continue;
    const std::string key(flag.key);
    std::visit(
        [&](auto& value) {
          using Value = std::decay_t<decltype(value)>;
          if constexpr (kIsOptional<Value>) {
            if (json.contains(key)) value = json[key].template get<typename Value::value_type>();
          } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            value = json.value(key, Value());
          } else {
            value = json.at(key).template get<Value>();
          }
        },
        settings.of(flag));
  }
  return settings;
}

}  // namespace forkcost
