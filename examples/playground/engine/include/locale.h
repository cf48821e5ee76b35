// locale.h: in the browser there is one locale, "C".

#ifndef GPTAPE_ENGINE_LOCALE_H
#define GPTAPE_ENGINE_LOCALE_H

#define __NEED_locale_t
#include <bits/alltypes.h>

#define LC_ALL_MASK 0
#define newlocale(mask, name, base) (base)

static inline locale_t uselocale(locale_t locale)
{
    return locale;
}

#endif
