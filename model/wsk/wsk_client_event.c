/* SPDX-License-Identifier: MIT */
/*
 * WskClientEvent (CTL-099): no event is defined for it, so that nobody is called by default. Under
 * client.event=unknown-type a client that implements it is called once, after a capture, with a
 * type it cannot know. What Information points to is gone when it has returned (REG-029).
 */
#include "model/wsk/wsk_data_internal.h"
#include "model/wsk/wsk_internal.h"

enum { UNKNOWN_TYPE = 0x57534B, INFORMATION_BYTES = 16 };

static void call(struct sim *s, void *argument)
{
    struct wsk_registration *r = argument;
    bool is_empty = choice_flag(s, CHOICE_WORLD, PICK_WSK_EVENT_FLAG);
    PVOID information = is_empty ? NULL : wsk_argument(s, INFORMATION_BYTES, RULE_REG_029);
    PVOID context = model_mutated(client_event_no_context) ? NULL : r->context;
    sim_hb_acquire(s, r);
    ke_window_open(s, KE_WINDOW_WSK_CALLBACK, r->object);
    NTSTATUS status = r->dispatch->WskClientEvent(context, UNKNOWN_TYPE, information,
                                                  is_empty ? 0 : INFORMATION_BYTES);
    ke_window_close(s);
    sim_hb_release(s, sim_hb_other(r));
    wsk_argument_free(s, information);
    model_exercised(s, RULE_CTL_099);
    model_exercised(s, RULE_REG_029);
    if (status != STATUS_NOT_IMPLEMENTED) {
        model_lint(s, RULE_CTL_099);
    }
    r->calls--;
    ke_poke(s);
}

void wsk_client_event(struct sim *s, struct wsk_registration *r)
{
    if (r->dispatch->WskClientEvent == NULL || r->event_made) {
        return;
    }
    if (model_knob(s, KNOB_CLIENT_EVENT) == 0 && !model_mutated(client_event_called)) {
        return;
    }
    r->event_made = true;
    r->calls++; /* WskDeregister waits for it */
    ke_system_call(s, s->current, wsk_pick_irql(s, PICK_WSK_EVENT_IRQL), call, r,
                   "WskClientEvent");
}
