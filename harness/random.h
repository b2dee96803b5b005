// Numbers that nobody else has: for names.
#pragma once

#include <cstdint>

namespace forkcost {

uint64_t random_number();

}  // namespace forkcost
