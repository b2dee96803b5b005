// forkcost-events: names of events to what perf_event_open takes, and which of them open here.
//
//   forkcost-events list [PATTERN]    for people; PATTERN is a regular expression
//   forkcost-events encode NAME...    for our programs: a JSON array, in the order of the names
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "harness/error.h"
#include "harness/events/libpfm.h"

namespace forkcost {
namespace {

nlohmann::json to_json(const Event& event) {
  const perf_event_attr& attr = event.attr;
  return {{"name", event.name},
          {"type", attr.type},
          {"config", attr.config},
          {"config1", attr.config1},
          {"config2", attr.config2},
          {"sample_period", attr.sample_period},
          {"freq", attr.freq != 0},
          {"exclude_user", attr.exclude_user != 0},
          {"exclude_kernel", attr.exclude_kernel != 0},
          {"exclude_hv", attr.exclude_hv != 0},
          {"exclude_guest", attr.exclude_guest != 0},
          {"exclude_host", attr.exclude_host != 0},
          {"precise_ip", static_cast<uint32_t>(attr.precise_ip)}};
}

void print_encoded(const std::vector<std::string>& names) {
  nlohmann::json answers = nlohmann::json::array();
  for (const std::string& name : names) {
    const auto answer = encode_event(name);
    if (const auto* event = std::get_if<Event>(&answer)) {
      answers.push_back(to_json(*event));
    } else {
      answers.push_back({{"name", name}, {"error", std::get<std::string>(answer)}});
    }
  }
  std::cout << answers.dump() << '\n';
}

std::string why_not_here(const KnownEvent& known) {
  const auto answer = encode_event(known.name);
  if (const auto* event = std::get_if<Event>(&answer)) {
    return why_not(real_perf_kernel(), *event).value_or("");
  }
  return "libpfm4 does not encode it by itself: it takes more of its modifiers";
}

// What opens comes last, where a terminal still shows it.
void print_list(const std::string& pattern) {
  std::regex wanted;
  try {
    wanted = std::regex(pattern, std::regex::icase);
  } catch (const std::regex_error& error) {
    throw UsageError(fmt::format("'{}' is not a regular expression: {}", pattern, error.what()));
  }
  std::map<std::string, std::vector<KnownEvent>, std::greater<>> by_reason;
  for (KnownEvent& known : known_events()) {
    if (!std::regex_search(known.name, wanted) && !std::regex_search(known.description, wanted)) {
      continue;
    }
    by_reason[why_not_here(known)].push_back(std::move(known));
  }
  if (by_reason.empty()) throw UsageError(fmt::format("libpfm4 knows no event like '{}'", pattern));
  for (const auto& [reason, events] : by_reason) {
    std::cout << (reason.empty() ? "can be counted here" : "not here: " + reason) << '\n';
    for (const KnownEvent& known : events) {
      std::cout << fmt::format("  {:<40} {}\n", known.name, known.description);
    }
    std::cout << '\n';
  }
  std::cout << "Modifiers: NAME:u (user), NAME:k (kernel); raw events: rNNNN (hexadecimal)\n";
}

int run(int argc, char** argv) {
  std::string pattern;
  std::vector<std::string> names;
  CLI::App app("Events that can be counted: what libpfm4 knows, and what opens on this machine.",
               "forkcost-events");
  app.require_subcommand(1);
  CLI::App* const list = app.add_subcommand("list", "All of them, with what they count");
  list->add_option("pattern", pattern, "Only those whose name or description it finds");
  CLI::App* const encode = app.add_subcommand("encode", "As JSON, for perf_event_open");
  encode->add_option("names", names, "cycles:u, instructions:k, page-faults, r01c2, ...")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  start_libpfm();
  if (encode->parsed()) {
    print_encoded(names);
  } else {
    print_list(pattern);
  }
  return kExitOk;
}

}  // namespace
}  // namespace forkcost

int main(int argc, char** argv) {
  try {
    return forkcost::run(argc, argv);
  } catch (const forkcost::UsageError& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return forkcost::kExitUsage;
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return forkcost::kExitCannotAnswer;
  }
}
