#include "harness/runner/document.h"

#include <fmt/format.h>

#include <regex>
#include <string>

#include "harness/error.h"

namespace forkcost::runner {

namespace {

// With all axes, those too that the name leaves out: what --filter may name in a run as well.
std::string full_name(const Json& entry) {
  const std::string name = entry.at("name").get<std::string>();
  std::string full = name.substr(0, name.find('/'));
  const auto axes = entry.find("axes");
  if (axes == entry.end()) return name;
  for (const auto& axis : axes->items()) {
    full += fmt::format("/{}:{}", axis.key(), axis.value().get<std::string>());
  }
  return full;
}

}  // namespace

void filter_document(Json& document, const std::string& filter) {
  size_t left = 0;
  try {
    const std::regex pattern(filter);
    for (const char* list : {"benchmarks", "unmeasured"}) {
      Json& entries = document.at(list);
      Json found = Json::array();
      for (Json& entry : entries) {
        if (std::regex_search(entry.at("name").get<std::string>(), pattern) ||
            std::regex_search(full_name(entry), pattern)) {
          found.push_back(std::move(entry));
        }
      }
      left += found.size();
      entries = std::move(found);
    }
  } catch (const std::regex_error& error) {
    throw UsageError(
        fmt::format("--filter '{}' is not a regular expression: {}", filter, error.what()));
  }
  if (left == 0) {
    throw UsageError(fmt::format("the file has no case that --filter '{}' finds", filter));
  }
}

}  // namespace forkcost::runner
