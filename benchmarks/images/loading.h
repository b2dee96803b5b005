/* What the image `loading` tells beside the steps of the timeline, in a shared file. */
#ifndef FORKCOST_LOADING_H
#define FORKCOST_LOADING_H

#include <stdint.h>

enum { FORKCOST_CALLS = 1000 }; /* at most, of one pass */

struct forkcost_loading {
  volatile uint32_t libraries;    /* that it has loaded in its last step */
  volatile uint32_t jump_slots;   /* of these libraries */
  volatile uint32_t bound_before; /* of these, when they were loaded */
  volatile uint32_t bound_after;  /* and when all calls were made */
  volatile uint32_t global;       /* libraries whose symbols everybody finds */
  volatile uint32_t copies;       /* libraries that lie elsewhere than when first loaded */
  volatile uint32_t calls;        /* made in each pass */
  volatile uint32_t call_ticks[2][FORKCOST_CALLS];
};

#endif
