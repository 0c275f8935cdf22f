/* Functions marked so are compiled for several instruction sets, where the compiler can
 * do that; the one that fits is chosen when the module is loaded. */

#ifndef SKEXPERTS_CLONES
#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__clang__) && __GNUC__ >= 12
#define SKEXPERTS_CLONES                                                               \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SKEXPERTS_CLONES
#endif
#endif
