// The axes of more than one benchmark; those of one stand beside its cases, in program_axes(). A
// default is what most cases have and what a person would leave out; axes that say which thing it
// is have none.
#include "harness/axes.h"

#include "harness/arena.h"

namespace forkcost {

std::vector<Axis> shared_axes() {
  return {{"path", {}, "how the process is made"},
          {"image", {}, "the program that is executed"},
          {"heap", {}, "size of the memory that the parent holds"},
          // Of this machine: where base pages are larger, the same name is another case.
          {"backing", backing_name(Backing::kBasePages), "what the pages of that memory are"},
          {"placement", "same-cpu",
           "where the child runs: on its parent's CPU, on another, or where the scheduler puts it"},
          {"page-cache", "warm", "whether the files are in the page cache"},
          {"state", "first", "what had happened to the pages before"},
          {"pattern", "sequential", "the order of the touches"},
          {"processes", {}, "how many processes there are"}};
}

}  // namespace forkcost
