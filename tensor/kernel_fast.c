// kernel_fast.c: the engine. Matrix products go to oneDNN, which picks the machine's vector instructions at run time.

#include "tensor/kernel.h"

#ifdef GPTAPE_ONEDNN

#include <dnnl.h>
#include <stdatomic.h>

#ifdef _OPENMP
#include <omp.h>
#else
// A compiler without its own OpenMP has no omp.h; the runtime is there all the same, because oneDNN brings it.
void omp_set_num_threads(int threads);
int omp_get_max_threads(void);
#endif

// Below this many multiplications a call of oneDNN costs more than it saves: it takes about 2 microseconds whatever the size.
static const double SMALL_PRODUCT = 2048;

// Below this many, one thread is done before two have met: about 40 microseconds, and on a busy machine waiting costs much more.
static const double SHARED_PRODUCT = 4e6;

static atomic_int chosen_threads;                        // 0 until first needed: then what OpenMP would use

static int threads_to_use(void)
{
    if (chosen_threads == 0) {
        chosen_threads = omp_get_max_threads();
    }
    return chosen_threads;
}

static void set_threads_for(double multiplications)
{
    omp_set_num_threads(multiplications < SHARED_PRODUCT ? 1 : threads_to_use());
}

static void fast_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                      bool accumulate, Real *C, int ldc)
{
    double multiplications = (double)M * N * K;
    if (multiplications <= SMALL_PRODUCT) {
        kernels_plain.gemm(transpose_a, transpose_b, M, N, K, A, lda, B, ldb, accumulate, C, ldc);
        return;
    }
    set_threads_for(multiplications);
    char letter_a = transpose_a ? 'T' : 'N';
    char letter_b = transpose_b ? 'T' : 'N';
    Real beta = accumulate ? 1 : 0;
    dnnl_status_t status = dnnl_sgemm(letter_a, letter_b, M, N, K, 1, A, lda, B, ldb, beta, C, ldc);
    if (status == dnnl_out_of_memory) {
        fail_memory(sizeof(Real) * (size_t)M * (size_t)N, "a matrix product");
    }
    if (status != dnnl_success) {
        fail_mistake(HERE, "dnnl_sgemm refused (%d, %d) x (%d, %d): status %d", M, K, K, N, (int)status);
    }
}

const Kernels kernels_fast = {
    .name = "fast",
    .gemm = fast_gemm,
};

void kernels_set_threads(int threads)
{
    chosen_threads = threads;
}

int kernels_threads(void)
{
    return kernels() == &kernels_plain ? 1 : threads_to_use();
}

#else

// The plain kernels run on one thread.
void kernels_set_threads(int threads)
{
    (void)threads;
}

int kernels_threads(void)
{
    return 1;
}

#endif
