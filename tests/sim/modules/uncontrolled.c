/* SPDX-License-Identifier: MIT */
/* Asks the processor what no run can repeat; Constant only holds the bytes of such a question. */
static __attribute__((noinline)) unsigned ReadClock(void)
{
    unsigned low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low;
}

static __attribute__((noinline)) unsigned long Draw(void)
{
    unsigned long value;
    __asm__ volatile("1: rdrand %0; jnc 1b" : "=r"(value) : : "cc");
    return value;
}

static __attribute__((noinline)) unsigned Constant(void)
{
    unsigned value; /* mov, with the bytes of rdtsc and cpuid as its operand */
    __asm__ volatile("movl $0xA20F310F, %0" : "=r"(value));
    return value;
}

int DriverEntry(void *driver, void *path)
{
    (void)driver;
    (void)path;
    return (int)(ReadClock() + Draw() + Constant() != 0);
}
