// ranks.c: what ranks share when a run begins: the folder, to which only rank 0 writes, and the text.

#include "gpt/cli/train/train.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A file that shows whether the folder is the same on every machine. Each run uses a new name, since network file systems cache for some
// seconds that a file is missing.
static bool make_probe(const char *path, Error *error)
{
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) {
        return error_set(error, "%s: can't be written: %s", path, strerror(errno));
    }
    close(file);
    return true;
}

static bool see_probe(const char *folder, const char *path, Error *error)
{
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    return access(path, F_OK) == 0
        || error_set(error, "%s: on %s, what rank 0 writes there is missing (expected a folder that all ranks share)", folder, host);
}

bool train_share_folder(TrainPlan *plan, bool ok, Error *error)
{
    bool first = ranks_rank() == 0;
    char folder[PATH_MAX] = "";
    char probe[PATH_MAX + 64];
    if (ranks_count() == 1 || !ranks_agree(ok, error)) {
        return ok && ranks_count() == 1;
    }
    if (first) {
        snprintf(folder, sizeof folder, "%s", plan->folder);
        snprintf(probe, sizeof probe, "%s/.ranks-%d-%.0f", folder, (int)getpid(), 1e6 * clock_seconds());
    }
    ranks_broadcast(folder, sizeof folder);
    ranks_broadcast(probe, sizeof probe);
    if (!first) {
        free(plan->folder);
        plan->folder = memory_copy_text(folder);
    }
    bool shared = ranks_agree(!first || make_probe(probe, error), error) && ranks_agree(first || see_probe(folder, probe, error), error);
    if (first) {
        unlink(probe);
    }
    return shared;
}

// Rank 0 stores the tokens. The others read them there, unless their copy of the text looks different.
Dataset *train_open_data(const char *path, const Tokenizer *tokenizer, const TrainPlan *plan, DatasetProgress *progress, void *context,
                         Error *error)
{
    bool first = ranks_rank() == 0;
    Dataset *data = first ? dataset_open(path, tokenizer, plan->folder, progress, context, error) : NULL;
    if (!ranks_agree(!first || data != NULL, error)) {
        dataset_free(data);
        return NULL;
    }
    return first ? data : dataset_open_shared(path, tokenizer, plan->folder, error);
}

void train_note_ranks(const Options *options, const TrainPlan *plan)
{
    static char note[PATH_MAX + 128];
    if (ranks_count() > 1) {
        int threads = kernels_threads();
        snprintf(note, sizeof note, "; resume with: gptape train --out %.*s --resume", PATH_MAX, plan->folder);
        ranks_loss_note(note);
        command_note(options, "%d ranks, %d of them on this machine, with %d thread%s each; gradients are summed by --reduce %s", ranks_count(),
                     ranks_local_count(), threads, plural(threads), reduction_name(plan->trainer->setup.train.reduce));
    }
}
