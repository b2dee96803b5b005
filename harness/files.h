// Whole files, read and written through whatever interrupts it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace forkcost {

// The whole file, or nothing when it cannot be read.
std::optional<std::string> read_text_file(const std::string& path);

// Writes all of `bytes`; throws as check() does.
void check_write(int fd, std::string_view bytes, std::string_view thing,
                 std::string_view remedy = "");

}  // namespace forkcost
