// The groups of bench_load's cases, each in a file of its own that says what it asks.
#pragma once

#include <vector>

#include "harness/measurement.h"

namespace forkcost {

void add_start_cases(std::vector<Case>& cases);   // load
void add_dlopen_cases(std::vector<Case>& cases);  // dlopen
void add_call_cases(std::vector<Case>& cases);    // call
void add_text_cases(std::vector<Case>& cases);    // text-touch
void add_zygote_cases(std::vector<Case>& cases);  // zygote

}  // namespace forkcost
