#include "benchmarks/setting.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "harness/error.h"
#include "harness/files.h"

namespace forkcost {
namespace {

bool write_setting(const std::filesystem::path& file, const std::string& value) {
  const FileDescriptor descriptor(open(file.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  return descriptor &&
         write(descriptor.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

}  // namespace

void require_change_allowed(const std::string& what) {
  const char* const allowed = std::getenv("FORKCOST_CHANGE_SETTINGS");
  if (geteuid() == 0 && allowed != nullptr && std::string_view(allowed) == "1") return;
  throw Skip(what + "; changing it needs root and FORKCOST_CHANGE_SETTINGS=1");
}

TemporarySetting::TemporarySetting(const std::vector<Setting>& wanted) {
  std::vector<std::string> words;
  for (auto setting = wanted.rbegin(); setting != wanted.rend(); ++setting) {
    const auto text = read_text_file(setting->file);
    if (!text) throw_errno(setting->file.string(), errno);
    before_.push_back({setting->file, text->substr(0, text->find('\n'))});
    words.insert(words.end(), {before_.back().file, before_.back().value});
  }
  restorer_.emplace("while [ $# -gt 0 ]; do printf '%s\\n' \"$2\" > \"$1\"; shift 2; done", words);
  for (const Setting& setting : wanted) {
    if (write_setting(setting.file, setting.value)) continue;
    const int error = errno;
    put_back();
    throw Skip(describe_errno(setting.file.string(), error,
                              "changing kernel settings needs root on the machine itself"));
  }
}

TemporarySetting::TemporarySetting(std::filesystem::path file, std::string value)
    : TemporarySetting(std::vector<Setting>{{std::move(file), std::move(value)}}) {}

TemporarySetting::~TemporarySetting() {
  put_back();  // also where there is no shell
}

void TemporarySetting::put_back() const {
  for (const Setting& setting : before_) write_setting(setting.file, setting.value);
}

}  // namespace forkcost
