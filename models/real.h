/* Numeric files are compiled once for each kind of number: REAL_BITS 32 or 64, then this. No guard: it is included again after a change. */
#undef REAL
#undef R
#undef BLAS_REAL
#if REAL_BITS == 64
#define REAL double
#define R(name) name##_f64
#define BLAS_REAL BLAS_F64
#else
#define REAL float
#define R(name) name##_f32
#define BLAS_REAL BLAS_F32
#endif
