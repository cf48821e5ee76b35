// locale.h: a locale with a decimal comma, for tests of what must not depend on it.

#ifndef GPTAPE_TESTS_LOCALE_H
#define GPTAPE_TESTS_LOCALE_H

// Makes de_DE.UTF-8 in the current folder (localedef; the system needs no locale but its sources) and sets it for this program,
// as a GTK or Qt program does at its start.
void locale_enter_comma(void);
void locale_leave(void);

#endif
