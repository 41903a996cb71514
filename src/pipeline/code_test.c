/* A build of other code runs built-in stages again, and a return to the old code restores
 * what it made. The test says which code this is: it takes version.c's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trigline/pipeline.h>
#include <trigline/store.h>

#include "base/file.h"
#include "text/json.h"

static const char *code =
    "sha256:1111111111111111111111111111111111111111111111111111111111111111";

const char *tgl_version(void)
{
    return "0.0.1";
}

const char *tgl_code_digest(void)
{
    return code;
}

static const char project_text[] =
    "stages:\n"
    "  ours: {run: package, with: {name: p}, deps: {members: {a: in.txt}},"
    " outs: {package: package.json}}\n"
    "  theirs: {cmd: cp in.txt out.txt, deps: [in.txt], outs: [out.txt]}\n";

static char directory[64];

static int make_project(void **state)
{
    (void)state;
    char path[128];
    snprintf(directory, sizeof directory, "/tmp/tgl_code_XXXXXX");
    if (mkdtemp(directory) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/trigline.yaml", directory);
    if (tgl__file_write(path, project_text, sizeof project_text - 1, NULL) != TGL_OK)
        return 1;
    snprintf(path, sizeof path, "%s/in.txt", directory);
    return tgl__file_write(path, "x\n", 2, NULL) != TGL_OK;
}

static int remove_project(void **state)
{
    (void)state;
    return tgl__remove_tree(directory, NULL) != TGL_OK;
}

/* What became of the stages; `package` receives the package's digest. */
static void run(const char *outcome_ours, const char *outcome_theirs, char package[80])
{
    tgl_project *project = NULL;
    tgl_json *answer = NULL;
    char *json = NULL;
    assert_int_equal(tgl_project_open(&project, directory, NULL), TGL_OK);
    assert_int_equal(tgl_project_run(&json, project, NULL, NULL), TGL_OK);
    assert_int_equal(tgl__json_parse(&answer, json, strlen(json), "", NULL), TGL_OK);
    const tgl_json *stages = tgl__json_get(answer, "stages");
    const char *const expected[] = {outcome_ours, outcome_theirs};
    assert_int_equal(tgl__json_size(stages), 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(
            tgl__json_string(tgl__json_get(tgl__json_at(stages, i), "outcome"), ""),
            expected[i]);
    snprintf(package, 80, "%s",
             tgl__json_string(tgl__json_get(answer, "package"), "none"));
    tgl__json_free(answer);
    tgl_free(json);
    tgl_project_close(project);
}

static void says_why(const char *reason)
{
    tgl_project *project = NULL;
    char *json = NULL;
    assert_int_equal(tgl_project_open(&project, directory, NULL), TGL_OK);
    assert_int_equal(tgl_project_status(&json, project, NULL), TGL_OK);
    assert_non_null(strstr(json, reason));
    tgl_free(json);
    tgl_project_close(project);
}

/* The record of a package's stage names the code. */
static void record_names_code(const char *package)
{
    char *json = NULL, path[128];
    tgl_store *store = NULL;
    snprintf(path, sizeof path, "%s/.trigline", directory);
    assert_int_equal(tgl_store_open(&store, path, 0, NULL), TGL_OK);
    assert_int_equal(tgl_store_show(&json, store, package, NULL), TGL_OK);
    assert_non_null(strstr(json, code));
    tgl_free(json);
    tgl_store_close(store);
}

static void other_code_runs_again(void **state)
{
    (void)state;
    char first[80], second[80];
    run("ran", "ran", first);
    record_names_code(first);
    run("up to date", "up to date", second);
    code = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
    says_why("trigline was built from other code");
    run("ran", "up to date", second);
    assert_string_equal(first, second); /* the package does not know who made it */
    code = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    run("up to date", "up to date", second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(other_code_runs_again, make_project,
                                        remove_project),
    };
    return cmocka_run_group_tests_name("code", tests, NULL, NULL);
}
