// locale.h: in the browser there is one locale, "C".

#ifndef GPTAPE_ENGINE_LOCALE_H
#define GPTAPE_ENGINE_LOCALE_H

#define __NEED_locale_t
#include <bits/alltypes.h>

#define LC_ALL_MASK 0

static inline locale_t newlocale(int mask, const char *name, locale_t base)
{
    (void)mask;
    (void)name;
    return base;
}

static inline locale_t uselocale(locale_t locale)
{
    return locale;
}

static inline void freelocale(locale_t locale)
{
    (void)locale;
}

#endif
