# null_calls.pl: reads what gcc -aux-info lists, and writes a program that calls each function of gptape's headers with NULL for every pointer,
# with 0, 1 and -1 for every number. A call may return, or fail with one line; the program prints the calls that do anything else.

print <<'C';
#include "gpt/gptape.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int n_calls;

static void attempt(void call(void), const char *name)
{
    char text[4096];
    int ends[2];
    int status;
    size_t n = 0;
    n_calls++;
    if (pipe(ends) != 0) {
        exit(1);
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        freopen("/dev/null", "w", stdout);
        alarm(60);
        call();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t got = 1; got > 0; n += got > 0 ? (size_t)got : 0) {
        got = read(ends[0], text + n, sizeof text - 1 - n);
    }
    close(ends[0]);
    text[n] = '\0';
    waitpid(child, &status, 0);
    const char *line = strchr(text, '\n');
    if (status != 0 && ((WIFSIGNALED(status) && WTERMSIG(status) != SIGABRT) || line == NULL || line[1] != '\0')) {
        printf("%s: status %d: %s\n", name, status, text);
    }
}

C
# They measure for seconds, take a va_list, or end the program.
my %apart = map { $_ => 1 } qw(bench_peaks bench_precision number_vformat ranks_abort);
my $main = "";
while (my $line = <STDIN>) {
    $line =~ s/\)\);/);/ if $line =~ s/^([^(]*) \(\*/$1 */;    # a result that is a pointer to a function
    next unless $line =~ m{^/\* (?:\./)?(?:tensor|nn|gpt)/\S+ \*/ extern (.*?)\b([a-z_0-9]+) \((.*)\);};
    my ($name, $list) = ($2, $3);
    next if $apart{$name}++;
    my @types = ("");
    my $depth = 0;
    for my $c (split //, $list) {
        $depth += ($c eq "(") - ($c eq ")");
        if ($c eq "," && $depth == 0) { push @types, "" } else { $types[-1] .= $c }
    }
    @types = grep { !/^\s*(void|\.\.\.)\s*$/ } @types;
    for my $number (0, 1, -1) {
        my $variant = $number < 0 ? "negative" : $number;
        my @arguments = map { /^\s*(int|size_t|long unsigned int|uint64_t|double|float|Real|Wide|_Bool|bool)\s*$/ ? "($_)$number" : "((__typeof__($_)){0})" } @types;
        print "static void ${name}_with_$variant(void)\n{\n    ($name)(" . join(", ", @arguments) . ");\n}\n\n";
        $main .= "    attempt(${name}_with_$variant, \"$name with NULL and $number\");\n";
    }
}
print "int main(void)\n{\n$main    printf(\"%d\\n\", n_calls);\n}\n";
