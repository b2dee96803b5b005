// What does loading shared libraries cost: at the start of a program, by dlopen, at the first call,
// at the first touch of their text, and when a process that has them is forked instead?
//
// The libraries are generated (images/libraries/README.md), and what they are is verified from
// their files. Each group of cases is in a file of load/, whose top comment says what it does:
//   load        at_start.cc    libraries, shape, relocations, kind, binding, hash, page-cache
//   dlopen      dlopen.cc      libraries, mode, scope, time
//   call        call.cc        binding, time
//   text-touch  text_touch.cc  pattern, pages, page-cache
//   zygote      zygote.cc      path, libraries, placement
//
// Quantities of `load` beside those of the timeline (nanoseconds; main_start_ns: call -> main):
//   loader_ns, relocation_ns, load_ns  the loader's own account (LD_DEBUG=statistics)
//   failed_opens                       opens of its that found no library (LD_DEBUG=libs)
//   private_dirty_bytes, page_table_bytes, pss_bytes  of the whole process, when it waits in main
//   library_private_dirty_bytes        of the mappings of all generated libraries
// They come from processes of their own, before the samples. The others are where their group is.
#include "benchmarks/library_set.h"
#include "benchmarks/load/groups.h"
#include "harness/answer_rows.h"

namespace forkcost {

std::vector<Axis> program_axes() {
  return {{"libraries", {}, "how many generated libraries there are"},
          {"shape", "flat", "how the libraries depend on each other, and where they lie"},
          {"relocations", "1000", "relocations of each library"},
          {"kind", "rela", "what kind of relocations they are"},
          {"binding", "lazy", "when the loader looks functions up"},
          {"hash", "gnu", "the hash table of the libraries' symbols"},
          {"mode", "lazy", "whether dlopen binds at once"},
          {"scope", "local", "whether others may use the symbols of what dlopen loads"},
          {"time", {}, "the first time, or one after which it is there already"},
          {"pages", {}, "how many pages are touched"}};
}

std::vector<AnswerSection> answer_sections() {
  const LoadPoint usual;
  return {{.title = "libraries",
           .place = 50,
           .benchmark = "load",
           .axes = {{"shape", usual.shape},
                    {"relocations", std::to_string(usual.relocations)},
                    {"kind", usual.kind},
                    {"binding", usual.binding},
                    {"hash", usual.hash}},
           .quantity = "main_start_ns",
           .rows = {{.title = "libraries",
                     .figures = {{.text = "{} each at start",
                                  .axes = {{"page-cache", "warm"}},
                                  .reduce = Reduce::kSlope,
                                  .over = "libraries"},
                                 {.text = "{} each from a cold cache",
                                  .axes = {{"page-cache", "cold"}},
                                  .reduce = Reduce::kSlope,
                                  .over = "libraries"},
                                 {.text = "dlopen of {libraries}: {}",
                                  .benchmark = "dlopen",
                                  .axes = {{"libraries", "16"},
                                           {"mode", "lazy"},
                                           {"scope", "local"},
                                           {"time", "first"}},
                                  .quantity = "dlopen_ns"}}}}}};
}

std::vector<Case> register_cases(const std::vector<HeapSize>&) {
  std::vector<Case> cases;
  add_start_cases(cases);
  add_dlopen_cases(cases);
  add_call_cases(cases);
  add_text_cases(cases);
  add_zygote_cases(cases);
  return cases;
}

}  // namespace forkcost
