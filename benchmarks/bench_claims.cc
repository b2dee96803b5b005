// Which pages do processes share, and when does the kernel copy one?
//
// claim: one experiment each (axis id), for the statements that people make about fork,
// copy-on-write and shared code. It is observed and not judged: a kernel that does otherwise gives
// other figures here, not a failed case; analysis judges. What is verified is the treatment: the
// heap is what it says, the process runs the program that is meant.
//
// Quantities: counts (unit 1) of pages, faults and page frames, and bytes by smaps; with times
// where a claim is about time. sample_ns is the time of the whole experiment and nothing else.
// Counts of frames are absent where page frames are hidden from us; what smaps and fault counts say
// of the same thing is always there.
//
//   claims/text.cc       two processes of one program
//   claims/libraries.cc  mapped files: what is in memory after mmap and after a touch
//   claims/heap.cc       one, two or three processes and what they write
//   claims/fork.cc       a large parent that starts a program; many children
//   claims/kernel.cc     addresses, the last owner of a page, exec
#include "benchmarks/claims/observe.h"
#include "harness/answer_rows.h"

namespace forkcost {

std::vector<Axis> program_axes() {
  return {{"id", {}, "the claim that is put to the test"},
          {"memory", {}, "what kind of memory the claim is about"},
          {"written", {}, "pages that are written"},
          {"region", {}, "which part of the address space is written"},
          {"marks", {}, "where a garbage collector keeps its marks"},
          {"mapping", {}, "how large the parent's mapping is"},
          {"overcommit", {}, "vm.overcommit_memory, as it is set here"},
          {"writers", {}, "threads of the parent that write meanwhile"},
          {"children", {}, "how many children live at once"},
          {"does", {}, "what the children do"}};
}

// Observations answer nothing by themselves: they are evidence, which analysis judges.
std::vector<AnswerSection> answer_sections() {
  return {{.title = "claims",
           .place = 100,
           .layout = Layout::kCount,
           .benchmark = "claim",
           .text = "{} of {total} observations made; judge them: forkcost claims {file}"}};
}

std::vector<Case> register_cases(const std::vector<HeapSize>&) {
  std::vector<Case> cases;
  add_text_claims(cases);
  add_library_claims(cases);
  add_heap_claims(cases);
  add_fork_claims(cases);
  add_kernel_claims(cases);
  return cases;
}

}  // namespace forkcost
