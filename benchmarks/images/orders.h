/* What an image is to do after main began, and how it answers: the worker's side of a channel
   (harness/channel.h) as the exec'ed programs have it. Plain C without libc, because the nolibc
   image includes it. */
#ifndef FORKCOST_ORDERS_H
#define FORKCOST_ORDERS_H

#include "harness/timeline_page.h"

enum forkcost_order {
  FORKCOST_END,  /* end at once */
  FORKCOST_WAIT, /* answer that it is there; end when an order comes, or the channel closes */
  FORKCOST_SERVE /* answer so too; fork for every order that comes (images/libc.c) */
};

/* What stands in `room` of the timeline page. */
enum forkcost_room {
  FORKCOST_ORDER,   /* enum forkcost_order; an empty room says FORKCOST_END */
  FORKCOST_CHANNEL, /* its end of the channel, in the image */
  FORKCOST_GATE     /* the same for the children of one that serves */
};

/* Orders and answers on the channel: an order is a byte whose arrival is all that it says, an
   answer a pid, a status or 0, or an errno below 0. */
typedef char forkcost_order_byte;
typedef int32_t forkcost_answer;

#ifndef __cplusplus

#ifdef FORKCOST_WITHOUT_LIBC
/* As read(2) and write(2), but not interrupted. */
static long forkcost_read(int descriptor, void* memory, unsigned long size);
static long forkcost_write(int descriptor, const void* memory, unsigned long size);
#else
#include <errno.h>
#include <unistd.h>

static inline long forkcost_read(int descriptor, void* memory, unsigned long size) {
  long got;
  while ((got = read(descriptor, memory, size)) < 0 && errno == EINTR) {
  }
  return got;
}

static inline long forkcost_write(int descriptor, const void* memory, unsigned long size) {
  long put;
  while ((put = write(descriptor, memory, size)) < 0 && errno == EINTR) {
  }
  return put;
}
#endif

/* 0 when nobody gives orders any more. */
static inline int forkcost_next_order(int channel) {
  forkcost_order_byte order;
  return forkcost_read(channel, &order, sizeof order) == sizeof order;
}

/* 0 when nobody wants to know. */
static inline int forkcost_say(int channel, forkcost_answer answer) {
  return forkcost_write(channel, &answer, sizeof answer) == sizeof answer;
}

/* Says that the image is there, and returns when it is let go; 0: nobody wanted to know. The page
   is somebody else's meanwhile: it may be made ready for the next image. */
static inline int forkcost_stay(int channel) {
  if (!forkcost_say(channel, 0)) return 0;
  forkcost_next_order(channel);
  return 1;
}

#endif
#endif
