/* Our thread pool: one parallel loop, results independent of how many threads run it. */
#ifndef TGL_BASE_POOL_H
#define TGL_BASE_POOL_H

#include <stddef.h>
#include <trigline/base.h>

/* Work on item `index`; `worker` < n_thread picks per-thread scratch. The first failure
 * (lowest index among those seen) stops the loop and is what the loop answers. */
typedef tgl_status (*tgl_work)(void *context, size_t index, size_t worker,
                               tgl_error *err);

/* Run work(context, 0 … n_item-1) on `n_thread` threads (0: one per online processor, at
 * most n_item). Items are handed out in order, one at a time. */
tgl_status tgl__parallel(size_t n_item, size_t n_thread, tgl_work work, void *context,
                         tgl_error *err);

/* What 0 threads means on this machine: online processors the process may use, at
 * least 1. */
size_t tgl__thread_count(size_t asked);

#endif
