/* Arrow structures inside Python capsules. In C, because a capsule may be destroyed while
 * an exception is on its way, when no Python code may run. Python.h is not needed: the
 * one call used belongs to CPython's stable ABI. */
#include <stdlib.h>
#include <trigline/table.h>

void *PyCapsule_GetPointer(void *capsule, const char *name);

/* Zeroed memory for one Arrow structure, freed by the destructor; NULL without memory. */
TGL_API void *tgl_capsule_memory(size_t size);
/* Destructors: what nobody moved out is released. */
TGL_API void tgl_capsule_free_schema(void *capsule);
TGL_API void tgl_capsule_free_array(void *capsule);
TGL_API void tgl_capsule_free_stream(void *capsule);

void *tgl_capsule_memory(size_t size)
{
    return calloc(1, size);
}

void tgl_capsule_free_schema(void *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema->release != NULL)
        schema->release(schema);
    free(schema);
}

void tgl_capsule_free_array(void *capsule)
{
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, "arrow_array");
    if (array->release != NULL)
        array->release(array);
    free(array);
}

void tgl_capsule_free_stream(void *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream->release != NULL)
        stream->release(stream);
    free(stream);
}
