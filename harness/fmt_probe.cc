// Does fmt.cc give all that files of ours use? Compiled and linked with it when CMake configures.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ctime>
#include <vector>

int main(int argc, char**) {
  const std::vector<double> numbers = {1.5 * argc, 2.5};
  const std::string text = fmt::format("{:>9.3f} {:08x} {} {:%Y-%m-%d}", numbers[0], argc,
                                       fmt::join(numbers, ", "), fmt::gmtime(std::time_t{argc}));
  return fmt::format("{:L} {}", 1.5F, text).empty() ? 1 : 0;
}
