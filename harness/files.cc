#include "harness/files.h"

#include <fcntl.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/file_descriptor.h"

namespace forkcost {

std::optional<std::string> read_text_file(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

void check_write(int fd, std::string_view bytes, std::string_view thing, std::string_view remedy) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    bytes.remove_prefix(static_cast<size_t>(check(written, thing, remedy)));
  }
}

}  // namespace forkcost
