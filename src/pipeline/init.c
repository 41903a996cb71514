/* A new project from a template: into a new or empty directory, nothing overwritten. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/names.h"
#include "pipeline/template.h"

#include <trigline/pipeline.h>

static tgl_status check_empty(const char *directory, tgl_error *err)
{
    DIR *dir = opendir(directory);
    if (dir == NULL)
        return errno == ENOENT ? TGL_OK : tgl__fail_errno(err, "cannot use", directory);
    tgl_status status = TGL_OK;
    for (struct dirent *e; status == TGL_OK && (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            status = tgl__fail(err, TGL_EUSAGE,
                               "'%s' is not empty: it holds '%s'; name a new directory",
                               directory, e->d_name);
    closedir(dir);
    return status;
}

static tgl_status unknown_template(const char *name, tgl_error *err)
{
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < tgl__n_template_file && n < 64; i++)
        if (n == 0 || strcmp(names[n - 1], tgl__template_files[i].template_name) != 0)
            names[n++] = tgl__template_files[i].template_name;
    const char *near = tgl__near_name(name, names, n);
    return tgl__fail(
        err, TGL_EUSAGE,
        "no template '%s'; expected anomaly-trigger, jet-tagger or empty%s%s%s", name,
        near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
        near != NULL ? "'?)" : "");
}

tgl_status tgl_project_init(const char *directory, const char *template_name,
                            tgl_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < tgl__n_template_file; i++)
        n += strcmp(tgl__template_files[i].template_name, template_name) == 0;
    if (n == 0)
        return unknown_template(template_name, err);
    TGL_TRY(check_empty(directory, err));
    TGL_TRY(tgl__make_dirs(directory, err));
    for (size_t i = 0; i < tgl__n_template_file; i++) {
        const tgl_template_file *f = &tgl__template_files[i];
        if (strcmp(f->template_name, template_name) != 0)
            continue;
        char *path = tgl__path_join(directory, f->path);
        tgl_status status = path == NULL ? tgl__fail_nomem(err)
                                         : tgl__file_write(path, f->bytes, f->size, err);
        tgl__free(path);
        TGL_TRY(status);
    }
    return TGL_OK;
}
