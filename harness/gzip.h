// Compressed text, as gzip makes it.
#pragma once

#include <string>
#include <string_view>

namespace forkcost {

bool is_gzip(std::string_view bytes);  // by its first bytes

std::string compress(std::string_view text);
// Throws Failure for what is damaged, cut off, or not gzip's.
std::string decompress(std::string_view bytes);

}  // namespace forkcost
