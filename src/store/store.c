#include "store/store.h"
#include "base/error.h"
#include "base/memory.h"

tgl_status tgl_store_open(tgl_store **out, const char *directory, int create,
                          tgl_error *err)
{
    TGL_TRY(tgl__layout_make(directory, create, err));
    tgl_store *store = tgl__calloc(1, sizeof *store);
    if (store == NULL)
        return tgl__fail_nomem(err);
    store->directory = tgl__strdup(directory);
    store->mutex_ready = pthread_mutex_init(&store->mutex, NULL) == 0;
    tgl_status status = TGL_OK;
    if (store->directory == NULL || !store->mutex_ready)
        status = tgl__fail_nomem(err);
    if (status == TGL_OK)
        status = tgl__index_open(store, err);
    if (status != TGL_OK) {
        tgl_store_close(store);
        return status;
    }
    *out = store;
    return TGL_OK;
}

void tgl_store_close(tgl_store *store)
{
    if (store == NULL)
        return;
    tgl__index_close(store);
    if (store->mutex_ready)
        pthread_mutex_destroy(&store->mutex);
    tgl__free(store->directory);
    tgl__free(store);
}
