/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/resume_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool name(char path[PATH_MAX], const char *directory, uint32_t bot, const char *ending)
{
    int length = snprintf(path, PATH_MAX, "%s/bot-%u%s", directory, bot, ending);
    return length > 0 && length < PATH_MAX;
}

static bool is_own_and_whole(int descriptor)
{
    struct stat is;
    return fstat(descriptor, &is) == 0 && S_ISREG(is.st_mode) && is.st_uid == geteuid() &&
           (is.st_mode & (S_IRWXG | S_IRWXO)) == 0 && is.st_size == TW_CLIENT_RESUME_SIZE;
}

bool tw_load_resume_read(const char *directory, uint32_t bot, uint8_t out[TW_CLIENT_RESUME_SIZE])
{
    char path[PATH_MAX];
    if (!name(path, directory, bot, ""))
        return false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return false;
    bool good = is_own_and_whole(descriptor) &&
                read(descriptor, out, TW_CLIENT_RESUME_SIZE) == TW_CLIENT_RESUME_SIZE;
    close(descriptor);
    if (!good)
        tw_load_resume_forget(directory, bot);
    return good;
}

static bool fill(int descriptor, const uint8_t bytes[TW_CLIENT_RESUME_SIZE])
{
    return write(descriptor, bytes, TW_CLIENT_RESUME_SIZE) == TW_CLIENT_RESUME_SIZE &&
           fsync(descriptor) == 0;
}

/* Closes it, too. */
static void wipe(int descriptor, bool overwrite)
{
    static const uint8_t nothing[TW_CLIENT_RESUME_SIZE];
    if (descriptor < 0)
        return;
    if (overwrite)
        (void)fill(descriptor, nothing);
    close(descriptor);
}

bool tw_load_resume_write(const char *directory, uint32_t bot,
                          const uint8_t bytes[TW_CLIENT_RESUME_SIZE])
{
    char path[PATH_MAX], fresh[PATH_MAX];
    if (!name(path, directory, bot, "") || !name(fresh, directory, bot, ".new"))
        return false;
    /* What a process left that was killed in the middle. */
    (void)unlink(fresh);
    int descriptor =
        open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    bool written = descriptor >= 0 && fill(descriptor, bytes);
    if (descriptor >= 0)
        close(descriptor);
    /* There is one of the two at every moment; the old one is overwritten without its name. */
    int before = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    written = written && rename(fresh, path) == 0;
    if (!written)
        fprintf(stderr, "tickwire-load: %s: %s\n", fresh, strerror(errno));
    wipe(before, written);
    return written;
}

void tw_load_resume_forget(const char *directory, uint32_t bot)
{
    char path[PATH_MAX];
    if (!name(path, directory, bot, ""))
        return;
    wipe(open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), true);
    (void)unlink(path);
}
