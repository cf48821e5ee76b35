// pthread.h: in the browser, the module runs on one thread.

#ifndef GPTAPE_ENGINE_PTHREAD_H
#define GPTAPE_ENGINE_PTHREAD_H

typedef int pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER 0
#define pthread_mutex_lock(mutex) ((void)(mutex))
#define pthread_mutex_unlock(mutex) ((void)(mutex))

typedef int pthread_once_t;
#define PTHREAD_ONCE_INIT 0
#define pthread_once(once, run) ((*(once))++ == 0 ? (run)() : (void)0)

#endif
