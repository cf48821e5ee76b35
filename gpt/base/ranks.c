// ranks.c: detects the launcher, loads the plugin for its MPI, and waits for other ranks, one of which may have died.

#define _GNU_SOURCE // dladdr1, gethostname, writev, usleep

#include "gpt/base/base.h"
#include "gpt/base/ranks_mpi.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

// A process on a machine.
typedef struct Place {
    char host[128]; // host name and the kernel's boot id, since container names may repeat
    pid_t process;
    cpu_set_t processors; // those it may use
} Place;

const RanksMpi *ranks_mpi; // NULL: one rank
static int rank, count = 1, local_count = 1, threads;
static cpu_set_t machine; // the processors of this machine's ranks
static bool agreed = true;

// Ranks of this machine, for ranks_end_if_lost: set before the signal handlers that call it.
static pid_t *volatile local_process;
static char (*local_line)[64]; // "gptape: rank 1 (process 123) has ended"
static const char *loss_note;

// ------------------------------------------------------------------------------------------------------------
// Launch

// Each launcher's variable for the number of ranks, and the MPI that it launches. srun speaks to Open MPI by PMIx, to MPICH by PMI.
typedef struct Launcher {
    const char *variable;
    const char *rank;  // the variable for this rank's number
    const char *proof; // which only the launcher sets: without it, rank does not count
    const char *also;  // must also be set; NULL: nothing
    const char *plugin;
    const char *name;
    const char *package;
} Launcher;

#define OPEN_MPI "libgptape-openmpi.so", "Open MPI", "libopenmpi-dev"
#define MPICH "libgptape-mpich.so", "MPICH", "libmpich-dev"
static const Launcher launchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMIX_NAMESPACE", NULL, OPEN_MPI},
    {"PMI_SIZE", "PMI_RANK", "PMI_FD", NULL, MPICH},
    {"SLURM_STEP_NUM_TASKS", "PMIX_RANK", "PMIX_NAMESPACE", "PMIX_RANK", OPEN_MPI},
};

// The launcher, and how many ranks it has started; NULL: none.
static const Launcher *find_launcher(int *n)
{
    for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++) {
        const char *text = getenv(launchers[i].variable);
        *n = text == NULL ? 0 : atoi(text);
        if (*n > 0 && (launchers[i].also == NULL || getenv(launchers[i].also) != NULL)) {
            return &launchers[i];
        }
    }
    return NULL;
}

bool ranks_launched(void)
{
    int n;
    return find_launcher(&n) != NULL;
}

// The folder of the program or shared library that holds this code. The caller frees it; NULL if it is unknown.
static char *own_folder(void)
{
    Dl_info info;
    struct link_map *map = NULL;
    bool found = dladdr1(&ranks_mpi, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && map != NULL;
    return !found ? NULL : map->l_name[0] == '\0' ? program_folder() : path_folder(map->l_name);
}

// The plugin is in that folder, one folder up (examples), or in the lib beside it, and nowhere else: never where LD_LIBRARY_PATH says.
// RTLD_GLOBAL: MPI's own plugins need its symbols.
static void *open_plugin(const char *name)
{
    static const char *const places[] = {".", "..", "../lib"};
    AUTO_FREE char *folder = own_folder();
    void *plugin = NULL;
    for (int i = 0; i < 3 && plugin == NULL && folder != NULL; i++) {
        AUTO_FREE char *place = path_in(folder, places[i]);
        AUTO_FREE char *path = path_in(place, name);
        plugin = access(path, F_OK) == 0 ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    }
    return plugin;
}

static const RanksMpi *load(const Launcher *launcher, int n, Error *error)
{
    void *plugin = open_plugin(launcher->plugin);
    const RanksMpi *found = plugin == NULL ? NULL : dlsym(plugin, RANKS_MPI_SYMBOL);
    if (found == NULL) {
        const char *why = dlerror(); // NULL: there is no such file
        error_set(error, "launched as %d ranks, but this build has no %s (expected %s when it was built)%s%.200s", n, launcher->name,
                  launcher->package, why == NULL ? "" : ": ", why == NULL ? "" : why);
    }
    return found;
}

static Place own_place(void)
{
    Place place = {.process = getpid()};
    AUTO_FREE char *boot = NULL;
    size_t n;
    Error none;
    sched_getaffinity(0, sizeof place.processors, &place.processors);
    gethostname(place.host, sizeof place.host / 2);
    if (file_read("/proc/sys/kernel/random/boot_id", MOST_SETTINGS_BYTES, &boot, &n, &none)) {
        size_t used = strlen(place.host);
        snprintf(place.host + used, sizeof place.host - used, " %s", boot);
    }
    return place;
}

static void find_local_ranks(void)
{
    Place own = own_place();
    AUTO_FREE Place *places = ranks_gather(&own, sizeof own);
    pid_t *processes = memory_allocate((size_t)count * sizeof *processes, "the ranks");
    local_line = memory_allocate((size_t)count * sizeof *local_line, "the ranks");
    local_count = 0;
    machine = own.processors;
    for (int r = 0; r < count; r++) {
        if (strcmp(places[r].host, own.host) == 0) {
            processes[local_count] = places[r].process;
            snprintf(local_line[local_count], sizeof *local_line, "gptape: rank %d (process %d) has ended", r, (int)places[r].process);
            CPU_OR(&machine, &machine, &places[r].processors);
            local_count++;
        }
    }
    int share = CPU_COUNT(&machine) / local_count;
    threads = share < 1 ? 1 : share < CPU_COUNT(&own.processors) ? share : CPU_COUNT(&own.processors);
    local_process = processes;
}

bool ranks_begin(Error *error)
{
    int n;
    const Launcher *launcher = find_launcher(&n);
    if (ranks_mpi != NULL || launcher == NULL || n == 1) {
        return true;
    }
    const char *number = getenv(launcher->proof) == NULL ? NULL : getenv(launcher->rank);
    rank = number == NULL ? 0 : atoi(number); // rank 0 speaks for all; found->begin corrects it
    const RanksMpi *found = load(launcher, n, error);
    if (found == NULL) {
        return false;
    }
    if (!found->begin(&rank, &count)) {
        return error_set(error, "%s can't start", launcher->name);
    }
    if (count != n) {
        return error_set(error, "launched as %d ranks, but %s counts %d (expected its own mpirun)", n, launcher->name, count);
    }
    ranks_mpi = found;
    find_local_ranks();
    return true;
}

void ranks_end(void)
{
    if (ranks_mpi != NULL) {
        ranks_barrier();
        pid_t *processes = local_process;
        local_process = NULL; // from here on, a rank that ends is not an error
        ranks_mpi->end();
        ranks_mpi = NULL;
        count = 1;
        local_count = 1;
        free(processes);
        free(local_line);
    }
}

void ranks_abort(int status)
{
    if (ranks_mpi != NULL) {
        ranks_mpi->abort(status);
    }
    _exit(status);
}

int ranks_rank(void)
{
    return rank;
}

int ranks_count(void)
{
    return count;
}

int ranks_local_count(void)
{
    return local_count;
}

int ranks_threads(void)
{
    return threads;
}

void ranks_unbind(void)
{
    if (count > 1) {
        sched_setaffinity(0, sizeof machine, &machine);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Waiting

void ranks_loss_note(const char *note)
{
    loss_note = note;
}

// If several ranks notice, only the first prints.
void ranks_end_if_lost(void)
{
    bool first = true;
    for (int i = 0; local_process != NULL && i < local_count; i++) {
        if (kill(local_process[i], 0) == 0 || errno != ESRCH) {
            first = first && local_process[i] == getpid();
            continue;
        }
        const char *parts[] = {local_line[i], loss_note == NULL ? "" : loss_note, "\n"};
        struct iovec line[3];
        for (int k = 0; k < 3; k++) {
            line[k] = (struct iovec){(void *)(size_t)parts[k], strlen(parts[k])};
        }
        for (int k = i + 1; first && k < local_count; k++) {
            first = local_process[k] == getpid() || kill(local_process[k], 0) != 0;
        }
        if (first) {
            (void)!writev(STDERR_FILENO, line, 3);
        }
        _exit(EXIT_FAILURE);
    }
}

// Called between two tests of a job: yields the processor, which another rank may need, and later sleeps.
static void pause_before(int try)
{
    enum { EAGER = 20000, LOOK = 2048 };
    if (try % LOOK == LOOK - 1) {
        ranks_end_if_lost();
    }
    if (try < EAGER) {
        sched_yield();
    } else {
        usleep(100);
    }
}

void ranks_broken(void)
{
    ranks_end_if_lost();
    const char line[] = "gptape: a transfer between ranks has failed: another rank has ended\n";
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    ranks_abort(EXIT_FAILURE);
}

void ranks_await(RanksJob *job)
{
    RanksState state = ranks_mpi->test(job);
    for (int try = 0; state == RANKS_UNDER_WAY; try++) {
        pause_before(try);
        state = ranks_mpi->test(job);
    }
    if (state == RANKS_BROKEN) {
        ranks_broken();
    }
}

int ranks_int(size_t n)
{
    if (n > INT_MAX) {
        fail_mistake(HERE, "%zu bytes between ranks (expected at most %d)", n, INT_MAX);
    }
    return (int)n;
}

void ranks_barrier(void)
{
    if (ranks_mpi != NULL) {
        ranks_await(ranks_mpi->barrier());
    }
}

void ranks_broadcast(void *bytes, size_t n)
{
    if (ranks_mpi != NULL) {
        ranks_await(ranks_mpi->broadcast(bytes, ranks_int(n)));
    }
}

void *ranks_gather(const void *own, size_t n)
{
    REQUIRE(own);
    void *all = memory_allocate((size_t)count * n, "what the ranks have");
    if (count == 1) {
        memcpy(all, own, n);
    } else {
        ranks_await(ranks_mpi->gather(own, all, ranks_int(n)));
    }
    return all;
}

bool ranks_agree(bool ok, Error *error)
{
    typedef struct Opinion {
        bool ok;
        char message[sizeof error->message];
    } Opinion;
    if (ranks_mpi == NULL) {
        return ok;
    }
    Opinion own = {.ok = ok};
    snprintf(own.message, sizeof own.message, "%s", ok ? "" : error->message);
    AUTO_FREE Opinion *all = ranks_gather(&own, sizeof own);
    int failed = 0;
    while (failed < count && all[failed].ok) {
        failed++;
    }
    if (ok && failed < count) {
        error_set(error, "rank %d: %.480s", failed, all[failed].message);
    }
    agreed = agreed && failed == count;
    return failed == count;
}

bool ranks_agreed(void)
{
    return agreed;
}

void ranks_send(int to, const void *bytes, size_t n)
{
    REQUIRE(ranks_mpi);
    ranks_await(ranks_mpi->send(to, bytes, ranks_int(n)));
}

bool ranks_has_message(void)
{
    int source = -1;
    int n;
    return ranks_mpi != NULL && ranks_mpi->probe(&source, &n);
}

size_t ranks_receive(int *from, void **bytes)
{
    REQUIRE(ranks_mpi);
    int source = from == NULL ? 0 : -1;
    int n;
    for (int try = 0; !ranks_mpi->probe(&source, &n); try++) {
        pause_before(try);
    }
    *bytes = memory_allocate((size_t)n + 1, "a message");
    ranks_await(ranks_mpi->receive(source, *bytes, n));
    if (from != NULL) {
        *from = source;
    }
    return (size_t)n;
}
