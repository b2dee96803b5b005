#include "harness/error.h"

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

}  // namespace forkcost
