// Writing a file whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace forkcost {

// Throws UsageError unless a file could be created beside `path`: asked before measuring, so that
// an unwritable output costs nobody ten minutes.
void require_writable(const std::string& path);

// Writes `text` to a new file, syncs it, and gives it the name `path`. On failure (full disk, no
// permission) throws Failure; `path` is then as it was, and no other file is left. What a kill
// leaves, new_file.h says.
void write_atomically(const std::string& path, std::string_view text);

}  // namespace forkcost
