/* SPDX-License-Identifier: MIT */
/*
 * WskClientEvent (CTL-099): no event is defined for it, so that nobody is called by default. Under
 * client.event=unknown-type a client that implements it is called once, after a capture, with a
 * type it cannot know.
 */
#include "model/wsk/wsk_internal.h"

enum { UNKNOWN_TYPE = 0x57534B };

static void call(struct sim *s, void *argument)
{
    struct wsk_registration *r = argument;
    ke_window_open(s, KE_WINDOW_WSK_CALLBACK, r->object);
    NTSTATUS status = r->dispatch->WskClientEvent(r->context, UNKNOWN_TYPE, NULL, 0);
    ke_window_close(s);
    model_exercised(s, RULE_CTL_099);
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
    ke_system_call(s, s->current, PASSIVE_LEVEL, call, r, "WskClientEvent");
}
