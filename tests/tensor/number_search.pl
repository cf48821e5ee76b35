# number_search.pl: prints each call in C files that prints or reads a fraction in the program's locale: strtod, atof, and printf and scanf
# with %g, %f, %e or %a. perl -0777 -n number_search.pl FILE...
while (/\b(v?f?s?n?printf|sscanf|fscanf|strtod|strtof|atof)\s*
        (\( (?: [^()"\x27]++ | "(?:[^"\\]|\\.)*+" | \x27(?:[^\x27\\]|\\.)++\x27 | (?2) )*+ \))/gx) {
    my ($function, $arguments) = ($1, $2);
    my $has_fraction = $arguments =~ /(?<!%)(%%)*%[-+ #0]*[0-9*]*(\.[0-9*]+)?l?[gfeGFEaA]/;
    print "$ARGV: $function$arguments\n" if $has_fraction || $function =~ /^(strto|ato)/;
}
