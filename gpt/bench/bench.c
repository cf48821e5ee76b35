// bench.c: the cases, each in a process of its own, and this machine's limits.

#include "gpt/base/base.h"
#include "gpt/bench/measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const BenchCase bench_cases[] = {
    {"product-64x64x64", "a matrix product, M x N x K", BENCH_ARITHMETIC, bench_product, {64, 64, 64}, NULL},
    {"product-256x768x768", "GPT-2's attn.c_proj on 256 tokens", BENCH_ARITHMETIC, bench_product, {256, 768, 768}, NULL},
    {"product-256x3072x768", "its mlp.c_fc", BENCH_ARITHMETIC, bench_product, {256, 3072, 768}, NULL},
    {"product-256x768x3072", "its mlp.c_proj", BENCH_ARITHMETIC, bench_product, {256, 768, 3072}, NULL},
    {"product-256x50257x768", "its output head", BENCH_ARITHMETIC, bench_product, {256, 50257, 768}, NULL},
    {"product-1024x1024x1024", "", BENCH_ARITHMETIC, bench_product, {1024, 1024, 1024}, NULL},
    {"product-1x768x768", "attn.c_proj on one token, weights not in cache", BENCH_MEMORY, bench_product, {1, 768, 768}, NULL},
    {"product-1x50257x768", "the output head on one token", BENCH_MEMORY, bench_product, {1, 50257, 768}, NULL},
    {"step-char", "a training step, 12 x 64 tokens of 65 symbols", BENCH_ARITHMETIC, bench_step, {12, 64}, "char"},
    {"step-gpt2-124m-4x64", "a training step, 4 x 64 tokens", BENCH_ARITHMETIC, bench_step, {4, 64}, "gpt2-124m"},
    {"step-gpt2-124m-8x128", "a training step, 8 x 128 tokens", BENCH_ARITHMETIC, bench_step, {8, 128}, "gpt2-124m"},
    {"step-gpt2-124m-1x1024", "a training step, 1 x 1024 tokens", BENCH_ARITHMETIC, bench_step, {1, 1024}, "gpt2-124m"},
    {"generate-gpt2-124m", "a token, batch 1, after the prompt", BENCH_MEMORY, bench_generate, {16, 64}, "gpt2-124m"},
    {"random-normal", "normal numbers, as weights are drawn; tokens are numbers", BENCH_NONE, bench_random, {1 << 24}, NULL},
    {"random-uniform", "the same, uniform", BENCH_NONE, bench_random, {1 << 24}, NULL},
    {"tokenizer-encode", "text to ids", BENCH_NONE, bench_encode, {0}, NULL},
    {"tokenizer-decode", "ids to text", BENCH_NONE, bench_decode, {0}, NULL},
    {"tape-1000", "1,000 additions of 64 numbers on a tape, and back", BENCH_KERNEL, bench_tape, {1000, 64}, NULL},
    {"probes-char", "4 x 64 tokens, a measured pass: watch, stream, branch, attention, lens", BENCH_PASS, bench_probes, {4, 64}, "char"},
    {"probes-flow", "the same for 4 x 32 tokens in 12 blocks", BENCH_PASS, bench_probes, {4, 32}, "flow"},
    {"sweep-100", "under mpirun: 100 networks of gptape sweep, one thread a rank", BENCH_NONE, NULL, {100}, NULL},
    {"mlp-1000x64", "1,000 layers, width 64, batch 1, forward and back", BENCH_MEMORY_ONE, bench_mlp, {1000, 64}, NULL},
};

const int bench_case_count = sizeof bench_cases / sizeof bench_cases[0];

const char *bench_limit_name(BenchLimit limit)
{
    static const char *const names[] = {"FMA peak", "bandwidth", "bandwidth, 1 thread", "the loops alone", "the pass alone", ""};
    return WORD_AT(names, (int)limit);
}

double bench_fraction(const BenchCase *which, const BenchFigures *figures)
{
    REQUIRE(which, figures);
    double seconds = 1e-3 * figures->ms.median;
    switch (which->limit) {
    case BENCH_ARITHMETIC: return figures->flops / seconds / figures->limit;
    case BENCH_MEMORY:
    case BENCH_MEMORY_ONE: return figures->bytes / seconds / figures->limit;
    case BENCH_KERNEL:
    case BENCH_PASS: return figures->alone_ms / figures->ms.median;
    case BENCH_NONE: return NAN;
    }
    fail_mistake(HERE, "bench_fraction: unknown limit %d", (int)which->limit);
}

// ------------------------------------------------------------------------------------------------------------
// Runs in a child process, which returns its result or error through a pipe.

typedef struct Reply {
    bool done;
    Error error;
    BenchPeaks peaks;
    Quartiles limit;
    BenchFigures figures;
} Reply;

static int reply_pipe = -1; // in the child: where its reply goes

_Noreturn static void send_reply(const Reply *reply)
{
    bool sent = write_all(reply_pipe, reply, sizeof *reply);
    _exit(sent ? 0 : 1); // not exit, which would also flush the parent's unprinted output
}

static void child_failed(FailKind kind, const char *message)
{
    if (kind == FAIL_MISTAKE) {
        fprintf(stderr, "%s\n", message);
        abort(); // a debugger stops here
    }
    Reply reply = {.done = false};
    error_set(&reply.error, "%s", message);
    send_reply(&reply);
}

static bool read_reply(int from, Reply *reply)
{
    char *bytes = (char *)reply;
    size_t got = 0;
    while (got < sizeof *reply) {
        ssize_t n = read(from, bytes + got, sizeof *reply - got);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return false;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    return true;
}

// Waits for the child. Its reply counts only if it is complete.
static bool await(pid_t child, int from, const char *name, Reply *reply, Error *error)
{
    int status = 0;
    bool whole = read_reply(from, reply);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!whole && WIFSIGNALED(status)) {
        return error_set(error, "%s: its process was ended by signal %d (%s)", name, WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    if (!whole) {
        return error_set(error, "%s: its process ended early, with status %d", name, WEXITSTATUS(status));
    }
    if (!reply->done) {
        return error_set(error, "%s: %s", name, reply->error.message);
    }
    return true;
}

static bool in_own_process(const char *name, void (*measure)(const BenchConfig *config, const BenchCase *which, Reply *reply),
                           const BenchConfig *config, const BenchCase *which, Reply *reply, Error *error)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0) {
        return error_set(error, "%s: no pipe: %s", name, strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        reply_pipe = ends[1];
        fail_set_handler(child_failed);
        *reply = (Reply){.done = true};
        measure(config, which, reply);
        send_reply(reply);
    }
    int code = errno;
    close(ends[1]);
    bool done = child > 0 ? await(child, ends[0], name, reply, error) : error_set(error, "%s: no process: %s", name, strerror(code));
    close(ends[0]);
    return done;
}

// ------------------------------------------------------------------------------------------------------------
// The limits

typedef struct Peak {
    int threads;
    size_t rounds; // of multiply-adds
    float *values; // n numbers to read
    size_t n;
} Peak;

static double one_flops(void *context)
{
    const Peak *peak = context;
    return machine_flops(peak->threads, peak->rounds);
}

static double one_bandwidth(void *context)
{
    const Peak *peak = context;
    return machine_bandwidth(peak->threads, peak->values, peak->n);
}

static void allocate_numbers(Peak *peak)
{
    Error error;
    double bytes = bench_cold_bytes();
    if (!memory_check(bytes, "numbers to read", &error)) {
        fail_file("%s", error.message);
    }
    peak->n = (size_t)bytes / sizeof(float);
    peak->values = memory_allocate(peak->n * sizeof(float), "numbers to read");
    for (size_t i = 0; i < peak->n; i++) {
        peak->values[i] = 1; // pages that were never written take no memory yet
    }
}

enum { ROUNDS = 200000 }; // of multiply-adds: some milliseconds

static void measure_peaks(const BenchConfig *config, const BenchCase *which, Reply *reply)
{
    (void)which;
    double each = 0.25 * config->seconds;
    Peak one = {.threads = 1, .rounds = ROUNDS};
    allocate_numbers(&one);
    Peak all = one;
    all.threads = kernels_threads();
    reply->peaks = (BenchPeaks){
        .threads = all.threads,
        .flops_one = bench_collect(each, false, one_flops, &one),
        .flops = bench_collect(each, false, one_flops, &all),
        .bandwidth_one = bench_collect(each, false, one_bandwidth, &one),
        .bandwidth = bench_collect(each, false, one_bandwidth, &all),
    };
}

// The limit of one case.
static void measure_limit(const BenchConfig *config, const BenchCase *which, Reply *reply)
{
    bool arithmetic = which->limit == BENCH_ARITHMETIC;
    Peak peak = {.threads = which->limit == BENCH_MEMORY_ONE ? 1 : kernels_threads(), .rounds = ROUNDS};
    if (!arithmetic) {
        allocate_numbers(&peak);
    }
    reply->limit = bench_collect(0.1 * config->seconds, false, arithmetic ? one_flops : one_bandwidth, &peak);
}

bool bench_peaks(const BenchConfig *config, BenchPeaks *peaks, Error *error)
{
    REQUIRE(peaks);
    Reply reply;
    bool done = in_own_process("this machine's limits", measure_peaks, config, NULL, &reply, error);
    *peaks = reply.peaks;
    return done;
}

// ------------------------------------------------------------------------------------------------------------

static void measure_case(const BenchConfig *config, const BenchCase *which, Reply *reply)
{
    Bench bench = {.which = which, .config = config};
    which->run(&bench);
    bench.figures.peak_bytes = bench_peak_bytes();
    reply->figures = bench.figures;
}

// The clock of a processor changes with its load and with its neighbors', so the limit is measured right before and right after the case,
// and the higher upper quartile counts: a limit is what can be reached. Where the neighbors were quieter during the case, it is what the case
// itself reached, and no part of a case takes longer than the case.
bool bench_case(const BenchCase *which, const BenchConfig *config, BenchFigures *figures, Error *error)
{
    REQUIRE(which, figures);
    bool limited = which->limit == BENCH_ARITHMETIC || which->limit == BENCH_MEMORY || which->limit == BENCH_MEMORY_ONE;
    Reply before = {0};
    Reply reply = {0};
    Reply after = {0};
    bool done = (!limited || in_own_process(which->name, measure_limit, config, which, &before, error))
             && in_own_process(which->name, measure_case, config, which, &reply, error)
             && (!limited || in_own_process(which->name, measure_limit, config, which, &after, error));
    *figures = reply.figures;
    if (done && limited) {
        double reached = (which->limit == BENCH_ARITHMETIC ? figures->flops : figures->bytes) / (1e-3 * figures->ms.median);
        figures->limit = fmax(reached, fmax(before.limit.high, after.limit.high));
    }
    figures->alone_ms = fmin(figures->alone_ms, figures->ms.median);
    return done;
}

bool bench_precision(double *times, Error *error)
{
    REQUIRE(times);
    const BenchCase product = {.name = "a matrix product", .limit = BENCH_NONE, .run = bench_product, .sizes = {256, 768, 768}};
    BenchFigures figures;
    if (!bench_case(&product, &(BenchConfig){.seconds = 0.1}, &figures, error)) {
        return false;
    }
    *times = figures.f32_ms.n > 0 ? figures.ms.median / figures.f32_ms.median : 1;
    return true;
}
