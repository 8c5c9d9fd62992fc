/* What a file that is not GGUF is instead: people point at the wrong download. */
#ifndef RLAIF_MODELS_GGUF_KIND_H
#define RLAIF_MODELS_GGUF_KIND_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

/* 0 when the bytes begin as GGUF does; else an error that names the kind of file, or shows its first bytes. */
int gguf_kind_check(const uint8_t *data, size_t size, const char *file, struct error *err);

#endif
