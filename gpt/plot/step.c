// step.c: the tape of one step, drawn by Graphviz.

#include "gpt/plot/draw.h"

#include <string.h>

// dot's option for a path's ending, "-Tsvg"; "" for the script itself; NULL for anything else.
static const char *format_of(const char *path)
{
    static const char *const formats[][2] = {{".dot", ""}, {".svg", "-Tsvg"}, {".png", "-Tpng"}, {".pdf", "-Tpdf"}};
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending != NULL && i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(ending, formats[i][0]) == 0) {
            return formats[i][1];
        }
    }
    return NULL;
}

bool plot_step_path_check(const char *path, Error *error)
{
    REQUIRE(path);
    return format_of(path) != NULL || error_set(error, "%s: unknown kind of drawing (expected a name that ends in .svg, .png, .pdf or .dot)", path);
}

// "Error: <stdin>: syntax error in line 1"
static const char *complaint(const char *messages)
{
    const char *reason = strstr(messages, "Error: ");
    return reason == NULL ? messages : reason + strlen("Error: ");
}

static bool draw_and_save(const char *script, const char *path, Error *error)
{
    Filter dot = {.arguments = {"dot", format_of(path)}, .package = "graphviz", .complaint = complaint};
    AUTO_FREE char *picture = NULL;
    size_t n;
    return filter_run(&dot, script, &picture, &n, error) && plot_save(path, picture, n, error);
}

bool plot_step(const ExperimentConfig *config, const StepDrawing *drawing, const char *path, char fault[STEP_FAULT_TEXT], Error *error)
{
    REQUIRE(drawing, path, fault);
    fault[0] = '\0';
    if (!plot_step_path_check(path, error)) {
        return false;
    }
    Writer *writer = writer_begin();
    bool done = experiment_draw(config, drawing, writer->stream, fault, error);
    AUTO_FREE char *script = writer_end(writer);
    bool is_script = format_of(path)[0] == '\0';
    return done && (is_script ? plot_save(path, script, strlen(script), error) : draw_and_save(script, path, error));
}
