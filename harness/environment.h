// What a reader must know to repeat a run, or to distrust it.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace forkcost {

// The object `environment` of results/FORMAT.md. What cannot be read is absent; never throws for a
// missing file. Watches the CPUs for `watch` to see what is stolen from us and who else works; with
// 0 (a bench process, which must not wait) those figures are absent.
// `root` is put before /proc, /sys, /run and /etc, so that tests can give their own tree.
nlohmann::json describe_environment(std::chrono::milliseconds watch = std::chrono::milliseconds(0),
                                    const std::string& root = "");

// The object `suite`: version and revision.
nlohmann::json describe_suite();

}  // namespace forkcost
