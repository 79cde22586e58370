/* Preloaded: notes what libraries tell the CUDA runtime about their device code at start.
 *
 * Each call goes on to the real runtime. One line a call goes to the file that REGISTRATION_SPY
 * names, words apart by tabs; registration_spy.py reads them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wrapper {
    uint32_t magic, version;
    const unsigned char *container;
    const unsigned char **linked; /* version 2: what it was linked from, a null at the end */
};

static FILE *notes;
static void **handles[1 << 16];
static unsigned registered;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("REGISTRATION_SPY");
    unsetenv("LD_PRELOAD"); /* this process alone, not those that it starts */
    unsetenv("REGISTRATION_SPY");
    if (path && !(notes = fopen(path, "we")))
        abort();
    if (notes)
        setlinebuf(notes); /* nothing is left that a forked process would write once more */
}

/* The runtime's function: of the global scope, where torch has it, or of what the caller needs. */
static void *real(const char *name, const void *caller)
{
    void *found = dlsym(RTLD_NEXT, name);
    Dl_info from;
    if (!found && dladdr(caller, &from)) {
        void *library = dlopen(from.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
        found = library ? dlsym(library, name) : NULL;
    }
    if (!found) {
        fprintf(stderr, "registration_spy: no %s behind this one\n", name);
        abort();
    }
    return found;
}

static unsigned long field(const unsigned char *at, size_t size)
{
    unsigned long value = 0;
    memcpy(&value, at, size);
    return value;
}

/* kind, architecture, flags and size of each image */
static void note_images(const unsigned char *container)
{
    const unsigned char *at = container + 16, *end = at + field(container + 8, 8);
    for (; at < end; at += field(at + 4, 4) + field(at + 8, 8))
        fprintf(notes, "%s%lu:%lu:%lu:%lu", at == container + 16 ? "" : ",", field(at, 2),
                field(at + 28, 4), field(at + 40, 8), field(at + 4, 4) + field(at + 8, 8));
}

void **__cudaRegisterFatBinary(void *given)
{
    static void **(*go_on)(void *);
    const struct wrapper *wrapper = given;
    const unsigned char **linked = wrapper->version == 2 ? wrapper->linked : NULL;
    Dl_info from;
    if (!go_on)
        go_on = real(__func__, __builtin_return_address(0));
    if (notes && dladdr(given, &from)) {
        const unsigned char *base = from.dli_fbase;
        fprintf(notes, "container\t%s\t%x\t%u\t%lx\t%lx\t%lu\t", from.dli_fname, wrapper->magic,
                wrapper->version, (unsigned long)((const unsigned char *)given - base),
                (unsigned long)(wrapper->container - base), field(wrapper->container + 8, 8) + 16);
        note_images(wrapper->container);
        fputc('\t', notes);
        for (; linked && *linked; linked++)
            fprintf(notes, "%lx,", (unsigned long)(*linked - base));
        fputc('\n', notes);
    }
    void **handle = go_on(given);
    if (registered == sizeof handles / sizeof *handles)
        abort();
    return handles[registered++] = handle;
}

/* What kind of thing belongs to which container, by the order of registration. */
static void note(const char *what, void **handle, const char *name)
{
    unsigned number = registered;
    while (number-- && handles[number] != handle)
        ;
    if (notes)
        fprintf(notes, "%s\t%d\t%s\n", what, (int)number, name);
}

void __cudaRegisterFunction(void **handle, const char *host, char *device, const char *name,
                            int limit, void *a, void *b, void *c, void *d, int *size)
{
    static void (*go_on)(void **, const char *, char *, const char *, int, void *, void *, void *,
                         void *, int *);
    if (!go_on)
        go_on = real(__func__, __builtin_return_address(0));
    note("function", handle, name);
    go_on(handle, host, device, name, limit, a, b, c, d, size);
}

void __cudaRegisterVar(void **handle, char *host, char *device, const char *name, int external,
                       size_t size, int constant, int global)
{
    static void (*go_on)(void **, char *, char *, const char *, int, size_t, int, int);
    if (!go_on)
        go_on = real(__func__, __builtin_return_address(0));
    note("variable", handle, name);
    go_on(handle, host, device, name, external, size, constant, global);
}

void __cudaRegisterFatBinaryEnd(void **handle)
{
    static void (*go_on)(void **);
    if (!go_on)
        go_on = real(__func__, __builtin_return_address(0));
    note("end", handle, "");
    go_on(handle);
}
