/* What this build is: the only object that is compiled again when any other source
 * changes.
 */
#include <code_digest.h> /* written at build by cmake/code-digest.cmake */
#include <trigline/base.h>

const char *tgl_version(void)
{
    return TGL_VERSION_STRING;
}

const char *tgl_code_digest(void)
{
    return TGL_CODE_DIGEST;
}
