/* SPDX-License-Identifier: MIT */
/* Calls two routines nobody has and two that the host's C library would quietly provide. */
int KeNoSuchRoutine(void);
int ExNoSuchRoutine(void);
int rand(void);
int socket(int, int, int);

int DriverEntry(void *driver, void *path)
{
    (void)driver;
    (void)path;
    return KeNoSuchRoutine() + ExNoSuchRoutine() + rand() + socket(1, 2, 3);
}
