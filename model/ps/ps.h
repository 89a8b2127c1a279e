/* SPDX-License-Identifier: MIT */
/*
 * Ps and Ob: system threads, handles, references. A thread object is what PsCreateSystemThread makes: it
 * is referenced by its handle, by ObReferenceObjectByHandle, and by itself while it runs.
 */
#ifndef MODEL_PS_PS_H
#define MODEL_PS_PS_H

#include "model/model.h"

struct ps_thread;

struct ps_state *ps_create(void);
void ps_reset(struct sim *s);
/* Leaks: open handles, references, threads still alive (KRN-252, KRN-254, KRN-283, KRN-284). */
void ps_check_unload(struct sim *s);
/* Called by ke when a context that is a driver thread ends. */
void ps_thread_ended(struct sim *s, struct ps_thread *thread);
/* Referenced object for Ob routines; other parts register kinds (file, device, event). */

#endif
