/* SPDX-License-Identifier: MIT */
/* What the test executable offers its test modules in place of the kernel. */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#ifdef __cplusplus
extern "C" {
#endif

void HostValue(int value);   /* tells the test something */
int HostAction(void);        /* which thing to do; opaque to the compiler */
void *HostBlock(int size);   /* a block of the arena */
void HostFree(void *block);

#ifdef __cplusplus
}
#endif
#endif
