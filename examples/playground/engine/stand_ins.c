// stand_ins.c: replacements for the parts of the library that need an operating system. Compiled as C23, where an unused parameter needs no name.

#include "gpt/base/base.h"
#include "gpt/base/ranks.h"
#include "gpt/cli/gradflow/gradflow.h"
#include "gpt/cli/kit/argv.h"
#include "gpt/lab/net.h"
#include "gpt/stream.h"
#include "tensor/fast/vector/vector.h"

#include <stdarg.h>
#include <string.h>

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

bool options_precision(const Options *options)
{
    return !options_changed(options, "precision") || option_error(options, "precision", "the page has f32 only; leave it out");
}

// Options that name a file or a folder are refused: the page has none.
static bool is_file(const Option *option)
{
    return option->value != NULL && option_takes_path(option) && strcmp(option->value, "-") != 0 && strcmp(option->value, "none") != 0;
}

bool options_accept(const Options *options)
{
    for (int i = 0; i < options->count; i++) {
        if (is_file(&options->list[i])) {
            return option_error(options, options->list[i].name, "the page has no files; leave it out");
        }
    }
    return options_check(options);
}

// A page is not a terminal.
const char *terminal_color(const char *)
{
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
char *text_format(const char *, ...)
{
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Models larger than memory

bool streamed_check(const ExperimentConfig *config, Error *error)
{
    double bytes = experiment_held_bytes(&config->gpt, config->B, config->T, config->n_steps > 0);
    return memory_check(bytes, "the experiment", error) && error_set_field(error, "stream", "the page has no streamed models; leave it out");
}

int streamed_parts(const ExperimentConfig *)
{
    return 1;
}

void gpt_stream_begin(GPT *, uint64_t, StreamSource)
{
    // never called: streamed_check refuses such models
}

StreamSource gpt_stream_source(const GPT *)
{
    return (StreamSource){0};
}

// Of models that are not streamed nothing has to be made, or freed.
void gpt_stream_part(GPT *, int)
{
}

void gpt_stream_free(GPT *)
{
}

void gpt_stream_progress(GPT *, GPTProgress *, void *)
{
}

void net_measure_streamed(Net *, Tape *, Measurement *)
{
}

// ------------------------------------------------------------------------------------------------------------
// Files: options_accept refuses options that name one. The default plot's name is fine: nothing is drawn

static bool no_files(void)
{
    fail_mistake(HERE, "the page has no files");
}

bool gradflow_saved_read(const Options *, GradflowPlan *)
{
    return no_files();
}

bool gradflow_text_read(const Options *, const ExperimentConfig *, int *, int *)
{
    return no_files();
}

void gradflow_saved_note(const Options *, const ExperimentConfig *)
{
}

bool options_output(const Options *, const char *, const char *)
{
    return true;
}

bool plot_path_check(const char *, Error *)
{
    return true;
}

bool options_output_file(const Options *, const char *, const char *, bool (*)(const char *, Error *))
{
    return true;
}

bool file_read(const char *, double, char **, size_t *, Error *)
{
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

int __rem_pio2_large(double *, double *, int, int, int)
{
    fail_mistake(HERE, "an angle is too large");
}
