// A file without a name: nothing of it is left, however its maker and its writers die.
#pragma once

#include <string>

#include "harness/file_descriptor.h"

namespace forkcost {

class MemoryFile {
 public:
  explicit MemoryFile(const char* name);  // `name` is seen in /proc alone

  // By this path another process of the same user opens it. It inherits no descriptor: that would
  // be one more in its table, and each fork copies the table.
  std::string path() const;
  std::string text() const;
  void clear();

 private:
  FileDescriptor fd_;
};

}  // namespace forkcost
