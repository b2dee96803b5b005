// Errors, and what becomes of them.
//
// Every message names the thing, the reason (errno's text) and what to do about it.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace forkcost {

// DESIGN: the same everywhere.
enum ExitStatus : int {
  kExitOk = 0,
  kExitBadNews = 1,      // a failed case, a regression
  kExitUsage = 2,        // the call or its input is wrong
  kExitCannotAnswer = 3  // this machine or this pair of runs cannot give the answer
};

// The call or its input is wrong: exit status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// This machine cannot do it; the message says what it would take. The case is `skipped`.
struct Skip : std::runtime_error {
  enum Cause : bool { kForGood, kByChance };  // by chance: another round may succeed
  explicit Skip(const std::string& reason, Cause cause = kForGood)
      : std::runtime_error(reason), by_chance(cause == kByChance) {}
  bool by_chance;
};

// It should have worked and did not, or it is not what its name says. The case is `failed`.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "mmap of 4GiB: Cannot allocate memory (ENOMEM); remedy"; remedy may be empty.
std::string describe_errno(std::string_view thing, int error, std::string_view remedy = "");

// Throws Failure with describe_errno.
[[noreturn]] void throw_errno(std::string_view thing, int error, std::string_view remedy = "");

// Returns `result` unless it is -1; then throws Failure from errno.
template <typename T>
T check(T result, std::string_view thing, std::string_view remedy = "");

}  // namespace forkcost

#include <cerrno>

namespace forkcost {

template <typename T>
T check(T result, std::string_view thing, std::string_view remedy) {
  if (result == static_cast<T>(-1)) throw_errno(thing, errno, remedy);
  return result;
}

}  // namespace forkcost
