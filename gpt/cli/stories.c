// stories.c: gptape stories: the stories that models are trained on by default, and the parser that checks a text.

#include "gpt/cli/kit/kit.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1000000000 };

static const OptionRow story_rows[] = {
    {"count", "N", NULL, "number of stories (default 3; with --bytes as many as fit)"},
    {"bytes", "N", NULL, "as many stories as fit in N bytes"},
    {"check", NULL, NULL, "count the well-formed sentences of the text on stdin"},
    {"seed", "N", "123", "seed that chooses the stories"},
    {0},
};

static const OptionExclusion stories_exclusions[] = {
    {IF_GIVEN, {"check"}, {"count", "bytes", "seed"}, "for telling stories, but --check reads them; leave one out"},
    {0},
};

const CommandHelp stories_help = {
    .name = "stories",
    .summary = "small stories to train on, and the share of well-formed sentences in a text",
    .about = "Prints small random stories in correct English, from a grammar: the default training text of gptape train.\n\n"
             "With --check it reads text from stdin and counts the sentences that the grammar can produce, word for word, with the\n"
             "right he or she, a or an, was or were; and the stories (separated by empty lines) that it can produce as a whole, with\n"
             "one plot and the same names throughout. The first sentences that it cannot produce are shown.",
    .examples = "  gptape stories\n"
                "  gptape stories --count 1 --seed 7\n"
                "  gptape stories --bytes 1000000 > stories.txt\n"
                "  gptape stories | gptape stories --check\n"
                "  echo 'Anna made a crown with his mother.' | gptape stories --check --json\n",
    .groups = {{.title = "Stories:", .rows = story_rows}},
    .exclusions = stories_exclusions,
};

// ------------------------------------------------------------------------------------------------------------
// Telling

typedef struct Request {
    uint64_t seed;
    int count; // of stories, at most
    int bytes; // of all of them, at most
} Request;

static bool read_request(const Options *options, Request *request)
{
    request->count = options_given(options, "bytes") ? MOST : 3;
    request->bytes = MOST;
    return options_int(options, "count", 1, MOST, &request->count) && options_int(options, "bytes", 1, MOST, &request->bytes)
        && options_seed(options, &request->seed);
}

// Prints each story as it comes, or collects it. Returns the bytes of all; *too_long gets those of the one that there was no room for.
static size_t tell_stories(const Request *request, cJSON *collected, size_t *too_long)
{
    Stories *stories = stories_create();
    Random random;
    size_t told = 0;
    bool room = true;
    random_seed(&random, request->seed);
    for (int i = 0; i < request->count && room; i++) {
        char *story = stories_tell(stories, &random);
        *too_long = strlen(story);
        room = told + *too_long <= (size_t)request->bytes;
        if (room && collected == NULL) {
            fputs(story, stdout);
        } else if (room) {
            cJSON_AddItemToArray(collected, cJSON_CreateString(story));
        }
        told += room ? *too_long : 0;
        free(story);
    }
    stories_free(stories);
    return told;
}

static bool tell(const Options *options)
{
    Request request;
    size_t first = 0;
    if (!read_request(options, &request)) {
        return false;
    }
    cJSON *collected = options_given(options, "json") ? cJSON_CreateArray() : NULL;
    size_t told = tell_stories(&request, collected, &first);
    if (told == 0) {
        cJSON_Delete(collected);
        return option_error(options, "bytes", "%s bytes are too few for the first story, of %zu bytes", options_text(options, "bytes"), first);
    }
    if (collected != NULL) {
        cJSON *json = cJSON_CreateObject();
        json_add_count(json, "seed", (double)request.seed);
        json_add_count(json, "bytes", (double)told);
        cJSON_AddItemToObject(json, "stories", collected);
        json_print(json);
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Checking

enum { MOST_FAULTS = 10, FAULT_TEXT = 160 };

// The first sentences that are not well-formed.
typedef struct Faults {
    char texts[MOST_FAULTS][FAULT_TEXT];
    int n;
} Faults;

// As text that a terminal can show: line ends and tabs become spaces, other control characters and bytes that are not UTF-8 "?".
static void note_fault(const char *sentence, size_t n, void *context)
{
    Faults *faults = context;
    size_t used = 0;
    size_t at = 0;
    if (faults->n == MOST_FAULTS) {
        return;
    }
    char *text = faults->texts[faults->n];
    while (at < n && used < FAULT_TEXT - 8) {
        int code = 0;
        int length = utf8_read(sentence + at, n - at, &code);
        bool shown = length > 0 && code >= 0x20 && !(code >= 0x7f && code < 0xa0);
        bool space = length > 0 && (code == '\n' || code == '\t');
        length = length > 0 ? length : 1;
        memcpy(text + used, shown ? sentence + at : space ? " " : "?", shown ? (size_t)length : 1);
        used += shown ? (size_t)length : 1;
        at += (size_t)length;
    }
    strcpy(text + used, at < n ? "..." : "");
    faults->n++;
}

// The share of a part in percent; "" of nothing.
static const char *share_text(int part, int all, char text[NUMBER_TEXT])
{
    snprintf(text, NUMBER_TEXT, "%.1f%%", 100.0 * part / all);
    return all > 0 ? text : "";
}

static void print_count(const StoryCount *count, const Faults *faults)
{
    char share[NUMBER_TEXT];
    Table *table = table_begin("lrr", NULL);
    table_row(table, "sentences|%d|", count->sentences);
    table_row(table, "well-formed|%d|%s", count->well_formed, share_text(count->well_formed, count->sentences, share));
    table_row(table, "stories|%d|", count->stories);
    table_row(table, "whole|%d|%s", count->whole, share_text(count->whole, count->stories, share));
    table_end(table);
    for (int i = 0; i < faults->n; i++) {
        printf("%s%s\n", i == 0 ? "\nnot well-formed:\n" : "", faults->texts[i]);
    }
}

static void print_count_json(const StoryCount *count, const Faults *faults)
{
    cJSON *json = cJSON_CreateObject();
    json_add_count(json, "sentences", count->sentences);
    json_add_count(json, "well_formed", count->well_formed);
    json_add_number(json, "well_formed_fraction", (double)count->well_formed / count->sentences);
    json_add_count(json, "stories", count->stories);
    json_add_count(json, "whole", count->whole);
    cJSON *list = cJSON_AddArrayToObject(json, "not_well_formed");
    for (int i = 0; i < faults->n; i++) {
        cJSON_AddItemToArray(list, cJSON_CreateString(faults->texts[i]));
    }
    json_print(json);
}

// Is the line SAMPLE_HEADING?
static bool is_heading(const char *line, size_t length)
{
    static const char begin[] = "--- sample ";
    static const char end[] = " ---";
    return length >= sizeof begin + sizeof end && strncmp(line, begin, sizeof begin - 1) == 0
        && memcmp(line + length - (sizeof end - 1), end, sizeof end - 1) == 0;
}

// The bytes of the line end that text begins with; 0 if it begins with none.
static size_t line_end(const char *text, size_t n)
{
    static const char *const ends[] = {"\n", "\r\n", "\r", "\f", "\v", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"}; // the last are Unicode's
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t length = strlen(ends[i]);
        if (length <= n && memcmp(text, ends[i], length) == 0) {
            return length;
        }
    }
    return 0;
}

// Text as other programs pass it on: any line end becomes LF, spaces before it are dropped, and generate's headings of samples become empty
// lines. Returns its new length.
static size_t clean(char *text, size_t n)
{
    size_t kept = 0;
    for (size_t at = 0; at < n;) {
        size_t length = 0;
        size_t end = line_end(text + at, n - at);
        while (end == 0 && at + length < n) {
            length++;
            end = line_end(text + at + length, n - at - length);
        }
        size_t shown = length;
        while (end > 0 && shown > 0 && (text[at + shown - 1] == ' ' || text[at + shown - 1] == '\t')) {
            shown--;
        }
        if (!is_heading(text + at, shown)) {
            memmove(text + kept, text + at, shown);
            kept += shown;
        }
        at += length + end;
        if (end > 0) {
            text[kept] = '\n';
            kept++;
        }
    }
    return kept;
}

static bool check(const Options *options)
{
    AUTO_FREE char *text = NULL;
    size_t n;
    Error error;
    Faults faults = {.n = 0};
    if (!stdin_read(&text, &n, &error)) {
        return report_failure(options, &error);
    }
    Stories *stories = stories_create();
    size_t mark = utf8_mark(text, n);
    n = clean(text + mark, n - mark);
    StoryCount count = stories_check(stories, text + mark, n, note_fault, &faults);
    (options_given(options, "json") ? print_count_json : print_count)(&count, &faults);
    stories_free(stories);
    return true;
}

// ------------------------------------------------------------------------------------------------------------

int command_stories(const Options *options)
{
    return command_status((options_given(options, "check") ? check : tell)(options));
}
