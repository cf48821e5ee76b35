// stand_ins.c: replacements for the parts of the library that need an operating system.

#include "gpt/base/base.h"
#include "gpt/base/ranks.h"
#include "gpt/cli/gradflow/gradflow.h"
#include "gpt/lab/net.h"
#include "gpt/stream.h"
#include "tensor/fast/vector/vector.h"

#include <stdarg.h>

// The linker's --max-memory, less what the program itself takes.
double memory_available(void)
{
    return ENGINE_MEMORY - 8.0 * (1 << 20);
}

// One process.
int ranks_rank(void)
{
    return 0;
}

int ranks_threads(void)
{
    return 0;
}

bool options_precision(const Options *options)
{
    return !options_changed(options, "precision") || option_error(options, "precision", "the page has f32 only; leave it out");
}

// A page is not a terminal.
const char *terminal_color(const char *code)
{
    (void)code;
    return "";
}

void terminal_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

// The page draws plots itself: no file has to be named.
char *text_format(const char *format, ...)
{
    (void)format;
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Models larger than memory

bool streamed_check(const ExperimentConfig *config, Error *error)
{
    double bytes = experiment_held_bytes(&config->gpt, config->B, config->T, config->n_steps > 0);
    return memory_check(bytes, "the experiment", error) && error_set_field(error, "stream", "the page has no streamed models; leave it out");
}

int streamed_parts(const ExperimentConfig *config)
{
    (void)config;
    return 1;
}

GPT *gpt_create_streamed_from(const GPTConfig *config, uint64_t seed, StreamSource source, Error *error)
{
    (void)config;
    (void)seed;
    (void)source;
    error_set(error, "the page has no streamed models");
    return NULL;
}

StreamSource gpt_stream_source(const GPT *gpt)
{
    (void)gpt;
    return (StreamSource){0};
}

// Of models that are not streamed nothing has to be made, or freed.
void gpt_stream_part(GPT *gpt, int part)
{
    (void)gpt;
    (void)part;
}

void gpt_stream_free(GPT *gpt)
{
    (void)gpt;
}

void gpt_stream_progress(GPT *gpt, GPTProgress *progress, void *context)
{
    (void)gpt;
    (void)progress;
    (void)context;
}

void net_measure_streamed(Net *net, Tape *tape, Measurement *measurement)
{
    (void)net;
    (void)tape;
    (void)measurement;
}

// ------------------------------------------------------------------------------------------------------------
// Files: argv.c refuses options that name one. The default plot's name is fine: nothing is drawn

static bool no_files(void)
{
    fail_mistake(HERE, "the page has no files");
}

bool gradflow_saved_read(const Options *options, GradflowPlan *plan)
{
    (void)options;
    (void)plan;
    return no_files();
}

bool gradflow_text_read(const Options *options, const ExperimentConfig *config, int *ids, int *targets)
{
    (void)options;
    (void)config;
    (void)ids;
    (void)targets;
    return no_files();
}

void gradflow_saved_note(const Options *options, const ExperimentConfig *config)
{
    (void)options;
    (void)config;
}

bool options_output(const Options *options, const char *name, const char *path)
{
    (void)options;
    (void)name;
    (void)path;
    return true;
}

bool plot_path_check(const char *path, Error *error)
{
    (void)path;
    (void)error;
    return true;
}

bool save_path_check(const char *path, Error *error)
{
    (void)path;
    (void)error;
    return true;
}

bool file_read(const char *path, double most, char **text, size_t *n, Error *error)
{
    (void)path;
    (void)most;
    (void)text;
    (void)n;
    (void)error;
    return no_files();
}

// ------------------------------------------------------------------------------------------------------------
// wasi-libc's sine and cosine round otherwise than glibc's, the vector loops' do not: the same weights as on the command line. (The linker's
// --wrap calls this for plain_random_normal.)

void __wrap_plain_random_normal(const uint32_t *words, float mean, float std, Real *out, size_t n);

void __wrap_plain_random_normal(const uint32_t *words, float mean, float std, Real *out, size_t n)
{
    random_baseline.normal(&(RandomCall){words, mean, std, out}, 0, n / RANDOM_NORMALS);
}

// Of sine and cosine in double the part for large angles, which would take 7 kB: angles here are at most 2 pi.
int __rem_pio2_large(double *x, double *y, int exponent, int n, int precision);

int __rem_pio2_large(double *x, double *y, int exponent, int n, int precision)
{
    (void)x;
    (void)y;
    (void)exponent;
    (void)n;
    (void)precision;
    fail_mistake(HERE, "an angle is too large");
}
