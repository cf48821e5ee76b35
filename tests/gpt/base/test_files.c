// test_files.c: saving and opening files: what a new file keeps of the one that it replaces, what killed programs leave, and which paths are one
// file.

#define _GNU_SOURCE // setgroups

#include "gpt/base/base.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void save_text(const char *path, const char *text)
{
    SaveFile save;
    Error error = {0};
    ck_assert_msg(save_begin(&save, path, &error), "%s", error.message);
    fputs(text, save.stream);
    ck_assert_msg(save_commit(&save, &error), "%s", error.message);
}

static void assert_text(const char *path, const char *expected)
{
    char *text;
    size_t n;
    Error error = {0};
    ck_assert_msg(file_read(path, 100, &text, &n, &error), "%s", error.message);
    ck_assert_str_eq(text, expected);
    free(text);
}

static int mode_of(const char *path)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    return (int)(status.st_mode & 07777);
}

// ------------------------------------------------------------------------------------------------------------
// Saving

START_TEST(a_new_file_keeps_the_mode_of_the_old)
{
    static const mode_t modes[] = {0600, 0644, 0664, 0755};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        unlink("file");
        write_text("file", "old");
        ck_assert_int_eq(chmod("file", modes[i]), 0);
        save_text("file", "new");
        ck_assert_int_eq(mode_of("file"), (int)modes[i]);
        assert_text("file", "new");
    }
    umask(027);
    save_text("fresh", "new");
    ck_assert_int_eq(mode_of("fresh"), 0640); // as any new file
}
END_TEST

static void assert_not_saved(const char *path, const char *why)
{
    Error error = {0};
    ck_assert(!save_path_check(path, &error));
    ck_assert_msg(strstr(error.message, why) != NULL, "%s", error.message);
    assert_text(path, "old");
}

// Nobody's files are replaced against their mode, also not by a new one with another owner. Root may do both, so it becomes another user.
START_TEST(a_file_that_the_user_may_not_write_is_not_replaced)
{
    enum { NOBODY = 65534 };
    ck_assert_int_eq(chmod(".", 0777), 0);
    write_text("others", "old");
    ck_assert_int_eq(chmod("others", 0666), 0);
    bool root = geteuid() == 0;
    ck_assert(!root || seteuid(NOBODY) == 0);
    write_text("own", "old");
    ck_assert_int_eq(chmod("own", 0400), 0);
    assert_not_saved("own", "own: can't be written: Permission denied");
    if (root) {
        assert_not_saved("others", "others: belongs to another user or group");
        ck_assert_int_eq(seteuid(0), 0);
        ck_assert_int_eq(setegid(NOBODY), 0); // so that new files have another group than the old one
        ck_assert_int_eq(chown("own", NOBODY, 0), 0);
        ck_assert_int_eq(chmod("own", 0660), 0);
        ck_assert_int_eq(setgroups(0, NULL), 0);
        ck_assert_int_eq(seteuid(NOBODY), 0);
        save_text("own", "new");
        ck_assert_int_eq(mode_of("own"), 0600); // not the rights of the old one's group
        ck_assert_int_eq(seteuid(0), 0);
    }
}
END_TEST

// A named user (1) may write to it, its group (4) may not: from the mode 0660 alone, the group could.
START_TEST(a_new_file_keeps_the_access_list_of_the_old)
{
    const char list[] = "\2\0\0\0"
                        "\1\0\6\0\377\377\377\377"
                        "\2\0\6\0\1\0\0\0"
                        "\4\0\0\0\377\377\377\377"
                        "\20\0\6\0\377\377\377\377"
                        "\40\0\0\0\377\377\377\377";
    char kept[sizeof list] = "";
    write_text("file", "old");
    if (setxattr("file", "system.posix_acl_access", list, sizeof list - 1, 0) != 0) {
        ck_assert_int_eq(errno, ENOTSUP); // a file system without such lists
        return;
    }
    save_text("file", "new");
    ck_assert_int_eq(getxattr("file", "system.posix_acl_access", kept, sizeof kept), sizeof list - 1);
    ck_assert_mem_eq(kept, list, sizeof list - 1);
    ck_assert_int_eq(mode_of("file"), 0660);
}
END_TEST

START_TEST(a_link_stays_and_its_file_is_written)
{
    struct stat status;
    ck_assert_int_eq(mkdir("folder", 0777), 0);
    ck_assert_int_eq(symlink("folder/file", "link"), 0);
    for (int i = 0; i < 2; i++) { // its file does not exist, and does
        save_text("link", "new");
        ck_assert_int_eq(lstat("link", &status), 0);
        ck_assert(S_ISLNK(status.st_mode));
        assert_text("folder/file", "new");
    }
}
END_TEST

// Before long work, not after it.
START_TEST(a_path_that_no_file_can_have_is_an_error)
{
    char *paths[] = {text_format("%0300d", 0), text_format("./%0*d", 5000, 0), memory_copy_text("loop")};
    ck_assert_int_eq(symlink("loop", "loop"), 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        Error error = {0};
        ck_assert_msg(!save_path_check(paths[i], &error), "%.20s", paths[i]);
        ck_assert_msg(i == 2 ? strcmp(error.message, "loop: can't be written: Too many levels of symbolic links") == 0
                             : strncmp(error.message, paths[i], 200) == 0,
                      "%s", error.message);
        free(paths[i]);
    }
}
END_TEST

// A run's folder may come from anywhere: saving to a pipe in it must not wait forever.
START_TEST(a_pipe_that_nobody_reads_is_an_error)
{
    SaveFile save;
    Error error = {0};
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    ck_assert(!save_begin(&save, "fifo", &error));
    ck_assert_msg(strstr(error.message, "fifo: can't be written: ") != NULL, "%s", error.message);
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    save_text("fifo", "text");
    char got[8] = "";
    ck_assert_int_eq(read(reader, got, sizeof got - 1), 4);
    ck_assert_str_eq(got, "text");
    close(reader);
}
END_TEST

// Only root can give files away.
START_TEST(a_new_file_keeps_the_owner_of_the_old)
{
    const uid_t owners[] = {12345, geteuid()};
    for (int i = 0; i < 2; i++) {
        struct stat status;
        write_text("file", "old");
        if (chown("file", owners[i], 54321) != 0) {
            return;
        }
        save_text("file", "new");
        ck_assert_int_eq(stat("file", &status), 0);
        ck_assert_int_eq(status.st_uid, owners[i]);
        ck_assert_int_eq(status.st_gid, 54321);
    }
}
END_TEST

START_TEST(temporary_files_of_killed_programs_are_deleted)
{
    write_text(".gptape-0", "x");
    write_text(".gptape-1", "x");
    write_text(".gptape-4", "x");
    write_text(".gptape-notes", "x");
    int lock = open(".gptape-0", O_RDONLY); // as the program that is writing it holds it
    ck_assert_int_eq(flock(lock, LOCK_EX), 0);
    save_text("file", "text");
    ck_assert_int_eq(access(".gptape-0", F_OK), 0);
    ck_assert_int_ne(access(".gptape-1", F_OK), 0);
    ck_assert_int_ne(access(".gptape-4", F_OK), 0);
    ck_assert_int_eq(access(".gptape-notes", F_OK), 0);
    close(lock);
    save_text("file", "text");
    ck_assert_int_ne(access(".gptape-0", F_OK), 0);
    assert_text("file", "text");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Opening

START_TEST(a_file_is_checked_before_it_is_read)
{
    Error error = {0};
    write_text("file", "12345");
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    ck_assert_int_eq(file_open("fifo", 100, &error), -1);
    ck_assert_str_eq(error.message, "fifo: is a device, a pipe or a socket (expected a file)");
    ck_assert_ptr_null(file_open_stream(".", 100, &error));
    ck_assert_str_eq(error.message, ".: is a folder (expected a file)");
    ck_assert_int_eq(file_open("file", 4, &error), -1);
    ck_assert_str_eq(error.message, "file: has 5 B (expected at most 4 B)");
    ck_assert_int_eq(file_open("none", 4, &error), -1);
    ck_assert_str_eq(error.message, "none: can't be read: No such file or directory");
    int descriptor = file_open("file", 5, &error);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
}
END_TEST

// A file that grows while it is read, or that the system gives no size, as those in /proc.
START_TEST(a_stream_has_a_limit_too)
{
    char *text;
    size_t n;
    Error error = {0};
    FILE *zero = fopen("/dev/zero", "r");
    ck_assert(!stream_read(zero, "zero", 1 << 20, &text, &n, &error));
    ck_assert_str_eq(error.message, "zero: is too long (expected at most 1.00 MiB)");
    fclose(zero);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Paths

START_TEST(paths_of_one_file)
{
    write_text("a", "x");
    mkdir("folder", 0777);
    ck_assert_int_eq(link("a", "hard"), 0);
    ck_assert_int_eq(symlink("../a", "folder/soft"), 0);
    ck_assert_int_eq(symlink("folder", "way"), 0);
    write_text("b", "x");
    ck_assert(path_same("a", "./a"));
    ck_assert(path_same("a", "hard"));
    ck_assert(path_same("way/soft", "hard"));
    ck_assert(!path_same("a", "b"));
    ck_assert(!path_same("a", "none"));
    ck_assert(path_same("none", "./none"));
    ck_assert(path_same("none", "none/"));
    ck_assert(path_same("/none", "/./none"));
    ck_assert(path_same("none/none", "./none//none"));
    ck_assert_int_eq(symlink("../none", "folder/nowhere"), 0);
    ck_assert(path_same("folder/nowhere", "none"));
    ck_assert(path_same("folder/none", "way/none"));
    ck_assert(!path_same("folder/none", "none"));
}
END_TEST

START_TEST(a_folder_has_one_writer)
{
    Error error = {0};
    mkdir("folder", 0777);
    int lock = folder_lock("folder", &error);
    ck_assert_int_ge(lock, 0);
    ck_assert_int_eq(folder_lock("./folder", &error), -1);
    ck_assert_str_eq(error.message, "./folder: another run is writing to it; wait until it ends, or use another folder");
    folder_unlock(lock);
    lock = folder_lock("folder", &error);
    ck_assert_int_ge(lock, 0);
    folder_unlock(lock);
    folder_unlock(-1);
    ck_assert_int_eq(rmdir("folder"), 0); // it is still empty
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpt/base/files");
    TCase *tcase = case_create(suite, "files");
    tcase_add_checked_fixture(tcase, folder_enter, folder_leave);
    tcase_add_test(tcase, a_new_file_keeps_the_mode_of_the_old);
    tcase_add_test(tcase, a_new_file_keeps_the_owner_of_the_old);
    tcase_add_test(tcase, a_file_that_the_user_may_not_write_is_not_replaced);
    tcase_add_test(tcase, a_new_file_keeps_the_access_list_of_the_old);
    tcase_add_test(tcase, a_link_stays_and_its_file_is_written);
    tcase_add_test(tcase, a_path_that_no_file_can_have_is_an_error);
    tcase_add_test(tcase, a_pipe_that_nobody_reads_is_an_error);
    tcase_add_test(tcase, temporary_files_of_killed_programs_are_deleted);
    tcase_add_test(tcase, a_file_is_checked_before_it_is_read);
    tcase_add_test(tcase, a_stream_has_a_limit_too);
    tcase_add_test(tcase, paths_of_one_file);
    tcase_add_test(tcase, a_folder_has_one_writer);
    return suite_run(suite);
}
