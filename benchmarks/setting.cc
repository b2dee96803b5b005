#include "benchmarks/setting.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "harness/error.h"
#include "harness/procfs.h"

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

TemporarySetting::TemporarySetting(std::filesystem::path file, const std::string& value)
    : file_(std::move(file)) {
  const auto text = read_text_file(file_);
  if (!text) throw_errno(file_.string(), errno);
  before_ = text->substr(0, text->find('\n'));
  restorer_.emplace("printf '%s\\n' \"$2\" > \"$1\"", std::vector<std::string>{file_, before_});
  if (write_setting(file_, value)) return;
  const int error = errno;
  throw Skip(describe_errno(file_.string(), error,
                            "changing kernel settings needs root on the machine itself"));
}

TemporarySetting::~TemporarySetting() {
  write_setting(file_, before_);  // also where there is no shell
}

}  // namespace forkcost
