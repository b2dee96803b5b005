/* An image that loads libraries itself.
   Usage: IMAGE RESULTS lazy|now local|global first|second|namespace|calls N DIRECTORY
          TIMELINE-DESCRIPTOR counter|syscall

   Loads libfc-000.so ... of DIRECTORY, the first N of them, each by dlopen: as the first in this
   process; a second time; or a second time in a namespace of their own, by dlmopen. Step 0 of the
   timeline is that. calls: then calls every function of the table that the first library has
   (images/libraries/library.S), through its PLT, once and once more, each call timed.

   RESULTS is the descriptor of a struct forkcost_loading. */
#define _GNU_SOURCE
#include "benchmarks/images/loading.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <sys/resource.h>

#include "benchmarks/images/with_libc.h"
#include "harness/settle_stack.h"

enum { MOST = 256 };

static struct forkcost_loading* told;
static int count;
static char paths[MOST][512];
static void* handles[MOST];

/* The loader's words begin with a long path, and end with the reason. */
__attribute__((noreturn)) static void fail_loading(void) {
  const char* said = dlerror();
  const size_t most = sizeof page->child_failed_at - 1;
  if (said == NULL) said = "dlopen";
  fail(strlen(said) > most ? said + strlen(said) - most : said, ELIBACC);
}

static void load(int flags, int in_namespace) {
  Lmid_t space = LM_ID_NEWLM;
  for (int i = 0; i < count; ++i) {
    handles[i] = in_namespace ? dlmopen(space, paths[i], flags) : dlopen(paths[i], flags);
    if (handles[i] == NULL) fail_loading();
    if (in_namespace && i == 0 && dlinfo(handles[i], RTLD_DI_LMID, &space) != 0) fail_loading();
  }
}

enum { LOADERS_STACK = 65536 }; /* the loader's frames hold paths */

static void load_timed(int flags, int in_namespace) {
  struct rusage before, after;
  struct forkcost_step* const step = &page->steps[0];
  memset(handles, 0, sizeof handles); /* no faults of ours: its pages, and those of the stack */
  forkcost_settle_stack(LOADERS_STACK);
  getrusage(RUSAGE_SELF, &after);
  getrusage(RUSAGE_SELF, &before);
  step->begin = now();
  load(flags, in_namespace);
  step->end = now();
  getrusage(RUSAGE_SELF, &after);
  step->minor_faults = (uint64_t)(after.ru_minflt - before.ru_minflt);
  step->major_faults = (uint64_t)(after.ru_majflt - before.ru_majflt);
}

/* Some loaders leave addresses in the dynamic section as they are in the file. */
static uintptr_t address_of(const struct link_map* map, ElfW(Addr) value) {
  return value < map->l_addr ? map->l_addr + value : value;
}

/* Jump slots of a library, and those that hold their function's address already: the functions are
   the library's own. */
static void count_slots(void* handle, uint32_t* all, uint32_t* bound) {
  struct link_map* map = NULL;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) fail_loading();
  const ElfW(Rela)* slots = NULL;
  const ElfW(Sym)* symbols = NULL;
  size_t bytes = 0;
  for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    const uintptr_t address = address_of(map, entry->d_un.d_ptr);
    if (entry->d_tag == DT_JMPREL) slots = (const ElfW(Rela)*)address;
    if (entry->d_tag == DT_SYMTAB) symbols = (const ElfW(Sym)*)address;
    if (entry->d_tag == DT_PLTRELSZ) bytes = entry->d_un.d_val;
  }
  const size_t number = slots != NULL && symbols != NULL ? bytes / sizeof *slots : 0;
  for (size_t i = 0; i < number; ++i) {
    const uintptr_t holds = *(const uintptr_t*)(map->l_addr + slots[i].r_offset);
    const uintptr_t function = map->l_addr + symbols[ELF64_R_SYM(slots[i].r_info)].st_value;
    ++*all;
    *bound += holds == function;
  }
}

static uint32_t bound_now(void) {
  uint32_t all = 0, bound = 0;
  for (int i = 0; i < count; ++i) count_slots(handles[i], &all, &bound);
  told->jump_slots = all;
  return bound;
}

static void* entry_of(void* handle, int library) {
  char name[32];
  snprintf(name, sizeof name, "fc_%03d_enter", library);
  return dlsym(handle, name);
}

static void tell(void* const* first_places) {
  told->bound_before = bound_now();
  for (int i = 0; i < count; ++i) {
    void* const place = entry_of(handles[i], i);
    told->libraries += place != NULL;
    told->global += entry_of(RTLD_DEFAULT, i) == place;
    told->copies += first_places[i] != NULL && first_places[i] != place;
  }
}

static void make_calls(void) {
  const char* const table = dlsym(handles[0], "fc_000_calls");
  if (table == NULL) fail_loading();
  uint32_t all = 0, bound = 0;
  count_slots(handles[0], &all, &bound);
  told->calls = all < FORKCOST_CALLS ? all : FORKCOST_CALLS;
  for (int pass = 0; pass < 2; ++pass) {
    for (uint32_t k = 0; k < told->calls; ++k) {
      void (*const call)(void) = (void (*)(void))(table + 8 * (size_t)k);
      const uint64_t before = now();
      call();
      told->call_ticks[pass][k] = (uint32_t)(now() - before);
    }
  }
  told->bound_after = bound_now();
}

int main(int argc, char** argv) {
  static void* first_places[MOST];
  if (argc != 9) return 64;
  choose_clock(argc, argv);
  const uint64_t main_ticks = now();
  page = map_shared(argv[7], sizeof *page, MAP_POPULATE);
  told = map_shared(argv[1], sizeof *told, MAP_POPULATE);
  page->ticks[FORKCOST_MAIN] = main_ticks;
  const int order = page->room[FORKCOST_ORDER], channel = page->room[FORKCOST_CHANNEL];
  const int flags =
      (argv[2][0] == 'l' ? RTLD_LAZY : RTLD_NOW) | (argv[3][0] == 'l' ? RTLD_LOCAL : RTLD_GLOBAL);
  count = atoi(argv[5]);
  if (count < 1 || count > MOST) return 64;
  for (int i = 0; i < count; ++i) {
    const int length = snprintf(paths[i], sizeof paths[i], "%s/libfc-%03d.so", argv[6], i);
    if (length < 0 || (size_t)length >= sizeof paths[i]) fail("the libraries' path", ENAMETOOLONG);
  }
  const char time = argv[4][0];
  if (time == 's' || time == 'n') { /* second, namespace */
    load(flags, 0);
    for (int i = 0; i < count; ++i) first_places[i] = entry_of(handles[i], i);
  }
  load_timed(flags, time == 'n');
  tell(first_places);
  if (time == 'c') make_calls();
  if (order == FORKCOST_WAIT) stay_and_leave(channel);
  leave();
}
