// probe_option.c: --probe: the list of probes, the selected probes, and their faults.

#include "gpt/cli/kit/kit.h"

#include <string.h>

const OptionRow probe_option_rows[] = {
    {"probe", "NAME,...", NULL, "also run these probes, such as paths; may be repeated; list: explains all probes"},
    {0},
};

static void print_list(void)
{
    for (int i = 0; i < probe_count; i++) {
        const Probe *probe = probe_table[i];
        printf("%s%s%s%s%s\n", i == 0 ? "" : "\n", terminal_color(COLOR_BOLD), probe->name, terminal_color(COLOR_END),
               probe->nets == PROBE_MLP   ? " (--net mlp)"
               : probe->nets == PROBE_GPT ? " (--net gpt)"
                                          : "");
        terminal_print("%s Source: %s. Cost: %s.", probe->about, probe->source, probe->cost);
        for (const ProbeKind *kind = probe->kinds; kind->name != NULL; kind++) {
            if (!kind->internal) {
                terminal_print("%s: %s (%s%s%s)", kind->name, kind->about, kind->place,
                               kind->index == NULL ? "" : "; index: ", kind->index == NULL ? "" : kind->index);
            }
        }
    }
}

static const char *probe_word(int i)
{
    return i < probe_count ? probe_table[i]->name : "list";
}

static bool add_probe(const Options *options, const Probe **probes, int *n, const char *name)
{
    const Probe *probe = probe_find(name);
    for (int i = 0; probe != NULL && i < *n; i++) {
        if (probes[i] == probe) {
            return option_error(options, "probe", "%s is given twice", name);
        }
    }
    char hint[WORDS_TEXT];
    if (probe == NULL) {
        return option_error(options, "probe", "unknown probe '%.80s'%s", name, words_hint(name, probe_word, probe_count + 1, hint));
    }
    probes[*n] = probe;
    (*n)++;
    return true;
}

bool options_probes(const Options *options, const Probe *probes[PROBES_MOST], int *n)
{
    bool read = true;
    for (int i = 0; read && i < options_count(options, "probe"); i++) {
        const char *text = options_text_of(options, "probe", i);
        if (strcmp(text, "list") == 0) {
            print_list();
            return command_stop(STATUS_OK);
        }
        char name[LIST_ITEM];
        while (read && list_next(&text, ",", name)) {
            read = add_probe(options, probes, n, name);
        }
    }
    return read;
}

bool options_probe_fault(const Options *options, const ProbeFault *fault, const char *where)
{
    option_error(options, "probe", "%s: %s%s", fault->probe->name, fault->error.message, where);
    return command_stop(STATUS_FAILED);
}
