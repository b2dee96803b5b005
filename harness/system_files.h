// The files of /proc and /sys, as texts, numbers and names; what is not there is nothing.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/environment_parse.h"
#include "harness/files.h"
#include "harness/strings.h"

namespace forkcost {

// The only way to the kernel's files: below a root, so that tests can give their own.
class SystemFiles {
 public:
  explicit SystemFiles(std::string root) : root_(std::move(root)) {}

  bool is_real() const { return root_.empty(); }
  bool exists(const std::string& path) const { return access((root_ + path).c_str(), F_OK) == 0; }
  std::optional<std::string> raw(const std::string& path) const {
    return read_text_file(root_ + path);
  }
  std::optional<std::string> text(const std::string& path) const {
    auto contents = raw(path);
    if (contents) contents = std::string(trim(*contents));
    return contents && !contents->empty() ? contents : std::nullopt;
  }
  std::optional<uint64_t> number(const std::string& path) const {
    const auto contents = text(path);
    return contents ? parse_number(*contents) : std::nullopt;
  }
  std::optional<std::string> mode(const std::string& path) const {
    const auto contents = text(path);
    return contents ? std::optional(selected_mode(*contents)) : std::nullopt;
  }
  // Names in a directory, sorted; none where there is no such directory.
  std::vector<std::string> names(const std::string& path) const {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir((root_ + path).c_str()), &closedir);
    std::vector<std::string> result;
    if (!directory) return result;
    while (const dirent* entry = readdir(directory.get())) {
      if (entry->d_name[0] != '.') result.emplace_back(entry->d_name);
    }
    std::sort(result.begin(), result.end());
    return result;
  }

 private:
  std::string root_;
};

}  // namespace forkcost
