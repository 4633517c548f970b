/* SPDX-License-Identifier: Apache-2.0 */
/* One family of memory until refused: families-driver FAMILY, families-runtime FAMILY. Says "held=N refused=C bytes=B", all that
 * it holds then; releases four blocks and goes on: "again=N refused=C". Keeps them until told "free"; then "freed code=C", and
 * keeps running until stdin ends. */
#include "families.h"

static size_t held;

static int until_refused(const struct family *family)
{
    int code = 0;
    while (held < FAMILY_MOST && (code = family->alloc(held)) == 0)
        held++;
    return code;
}

static int release(const struct family *family, size_t count)
{
    int code = 0;
    for (; count > 0 && held > 0; count--) {
        int one = family->release(--held);
        code = one != 0 ? one : code;
    }
    return code;
}

int main(int argc, char **argv)
{
    const struct family *family = families;
    char line[16];
    while (family->name != NULL && (argc < 2 || strcmp(family->name, argv[1]) != 0))
        family++;
    if (family->name == NULL) {
        fprintf(stderr, "no family '%s'\n", argc < 2 ? "" : argv[1]);
        return 2;
    }
    int code = families_open();
    if (code != 0) {
        say("opened=%d", code);
        return 1;
    }
    code = until_refused(family);
    say("held=%zu refused=%d bytes=%zu", held, code, held * family->bytes);
    if ((code = release(family, 4)) != 0)
        say("free failed=%d", code);
    code = until_refused(family);
    say("again=%zu refused=%d", held, code);
    if (!hear(line, sizeof line) || strcmp(line, "free") != 0)
        return 0;
    code = release(family, held);
    if (code == 0 && family->end != NULL)
        code = family->end();
    say("freed code=%d", code);
    until_told_to_end();
    return code;
}
