// The axes of all benchmarks: one table (harness/axes.h). A default is what most cases have and
// what a person would leave out; axes that say which thing it is have none.
#include "harness/axes.h"

#include <array>

#include "harness/arena.h"

namespace forkcost {

std::span<const Axis> benchmark_axes() {
  static const std::array kAxes = {
      Axis{"path", {}, "how the process is made"},
      Axis{"image", {}, "the program that is executed"},
      Axis{"heap", {}, "size of the memory that the parent holds"},
      // Of this machine: where base pages are larger, the same name is another case.
      Axis{"backing", backing_name(Backing::kBasePages), "what the pages of that memory are"},
      Axis{"placement", "same-cpu",
           "where the child runs: on its parent's CPU, on another, or where the scheduler puts it"},
      Axis{"args", "small", "size of the arguments and the environment of the program"},
      Axis{"page-cache", "warm", "whether the files are in the page cache"},
      Axis{"path-dirs", "0", "directories of PATH that are searched in vain first"},
      Axis{"writer", "parent", "who touches the memory after the fork"},
      Axis{"state", "first", "what had happened to the pages before"},
      Axis{"access", "write", "whether the touches read or write"},
      Axis{"pattern", "sequential", "the order of the touches"},
      Axis{"pages", {}, "how many pages are touched"},
      Axis{"libraries", {}, "how many generated libraries there are"},
      Axis{"shape", "flat", "how the libraries depend on each other, and where they lie"},
      Axis{"relocations", "1000", "relocations of each library"},
      Axis{"kind", "rela", "what kind of relocations they are"},
      Axis{"binding", "lazy", "when the loader looks functions up"},
      Axis{"hash", "gnu", "the hash table of the libraries' symbols"},
      Axis{"mode", "lazy", "whether dlopen binds at once"},
      Axis{"scope", "local", "whether others may use the symbols of what dlopen loads"},
      Axis{"time", {}, "the first time, or one after which it is there already"},
      Axis{"what", {}, "what all of the processes map"},
      Axis{"files", {}, "how the files that the processes use are related"},
      Axis{"processes", {}, "how many processes there are"},
      Axis{"between", {}, "the two sides that hand a turn over"},
      Axis{"by", {}, "what they wait by"},
      Axis{"touch", {}, "pages that each side touches in its turn"},
      Axis{"figure", {}, "which figure of the harness itself"},
      Axis{"id", {}, "the claim that is put to the test"},
      Axis{"memory", {}, "what kind of memory the claim is about"},
      Axis{"written", {}, "pages that are written"},
      Axis{"region", {}, "which part of the address space is written"},
      Axis{"marks", {}, "where a garbage collector keeps its marks"},
      Axis{"mapping", {}, "how large the parent's mapping is"},
      Axis{"overcommit", {}, "vm.overcommit_memory, as it is set here"},
      Axis{"writers", {}, "threads of the parent that write meanwhile"},
      Axis{"children", {}, "how many children live at once"},
      Axis{"does", {}, "what the children do"}};
  return kAxes;
}

}  // namespace forkcost
