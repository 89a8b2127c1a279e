/* SPDX-License-Identifier: MIT */
/*
 * Impersonation: whether a thread acts for somebody else. Nothing is ever checked against a token;
 * what depends on it is WSK's name resolution (ADDR-014) and the end of a thread (KRN-256).
 *
 * A token is its process, referenced once more. Limit: a thread impersonates the primary token of a
 * process; there are no tokens of other kinds.
 */
#include "model/ps/ps_internal.h"

bool ps_is_impersonating(struct sim *s)
{
    return ke_current(s)->impersonates;
}

PACCESS_TOKEN PsReferencePrimaryToken(PEPROCESS Process)
{
    struct sim *s = model_enter(ROUTINE_PsReferencePrimaryToken);
    (void)ps_process(s, 0); /* PsInitialSystemProcess is data: nobody may have asked for it yet */
    struct ps_object *o = ps_object_check(s, Process);
    ps_object_give(s, o);
    model_leave(s);
    return o->body;
}

void PsDereferencePrimaryToken(PACCESS_TOKEN PrimaryToken)
{
    struct sim *s = model_enter(ROUTINE_PsDereferencePrimaryToken);
    (void)ps_object_dereference(s, PrimaryToken);
    model_leave(s);
}

/* The record of the thread that the driver names. */
static struct ke_context *context_of(struct sim *s, PETHREAD thread)
{
    for (uint32_t i = 0; i < s->live_count; i++) {
        struct ke_context *c = ke_record(s->live[i]);
        if (c != NULL && c->thread_object == thread) {
            return c;
        }
    }
    model_touch(s, thread, sizeof(ULONG), "Thread");
    model_fail(s, RULE_KRN_254, 0, NULL, "the pointer given leads to no thread that runs");
}

NTSTATUS PsImpersonateClient(PETHREAD Thread, PACCESS_TOKEN Token, BOOLEAN CopyOnOpen,
                             BOOLEAN EffectiveOnly,
                             SECURITY_IMPERSONATION_LEVEL ImpersonationLevel)
{
    (void)CopyOnOpen;
    (void)EffectiveOnly;
    (void)ImpersonationLevel;
    struct sim *s = model_enter(ROUTINE_PsImpersonateClient);
    struct ke_context *c = context_of(s, Thread);
    if (Token != NULL) {
        (void)ps_object_check(s, Token);
    }
    c->impersonates = Token != NULL;
    return model_leave_status(s, STATUS_SUCCESS);
}

void PsRevertToSelf(void)
{
    struct sim *s = model_enter(ROUTINE_PsRevertToSelf);
    ke_current(s)->impersonates = false;
    model_leave(s);
}
