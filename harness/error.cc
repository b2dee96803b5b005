#include "harness/error.h"

#include <unistd.h>

#include <cstring>

namespace forkcost {

std::string describe_errno(std::string_view thing, int error, std::string_view remedy) {
  std::string text(thing);
  text += ": ";
  text += strerror(error);
  if (const char* name = strerrorname_np(error)) {
    text += " (";
    text += name;
    text += ")";
  }
  if (!remedy.empty()) {
    text += "; ";
    text += remedy;
  }
  return text;
}

void throw_errno(std::string_view thing, int error, std::string_view remedy) {
  throw Failure(describe_errno(thing, error, remedy));
}

void check_write(int fd, std::string_view bytes, std::string_view thing, std::string_view remedy) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    bytes.remove_prefix(static_cast<size_t>(check(written, thing, remedy)));
  }
}

}  // namespace forkcost
