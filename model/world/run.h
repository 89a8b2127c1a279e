/* SPDX-License-Identifier: MIT */
/*
 * The life of a run: DriverEntry -> the world acts -> DriverUnload at a moment that is itself a
 * choice -> the world heals and everything must drain -> leak and liveness verdicts.
 *
 *   Entry --failed--> CheckAfterFailure ----------------------------------------> end
 *     |success
 *   World --(moment chosen: quiet, early, late)--> Unload --> Drain --> CheckUnload --> end
 *     |no DriverUnload
 *     +--(quiet)--> end (a driver that cannot be unloaded keeps what it has)
 */
#ifndef MODEL_WORLD_RUN_H
#define MODEL_WORLD_RUN_H

#include "model/model.h"

enum { RUN_QUIET_MAX_MS = 60000, RUN_UNLOAD_MAX_MS = 600000 };

/* Where the run is: rules that depend on it (REG-013, KRN-199, KRN-280) ask. */
enum model_phase { PHASE_ENTRY, PHASE_WORLD, PHASE_UNLOAD, PHASE_UNLOADED };

/*
 * One run of the driver whose DriverEntry is given, from a fresh model: resets the model, runs,
 * leaves the verdict in s->verdict and s->violation. The caller has restored the module.
 */
enum sim_verdict model_run(struct sim *s, PDRIVER_INITIALIZE entry,
                           const struct sim_options *options, const struct choice_source *source,
                           struct choice_log *log);

/* The driver object of this run, and the phase. */
PDRIVER_OBJECT run_driver_object(struct sim *s);
enum model_phase run_phase(struct sim *s);

/* ---- the world (world.c, peers.c): what acts on the driver ---- */

struct world_state *world_create(void);
void world_reset(struct sim *s);
/* DriverEntry has succeeded: peers and user-mode actors may begin. */
void world_start(struct sim *s);
/* True when no peer and no actor has anything left to do without the driver acting first. */
bool world_is_quiet(struct sim *s);
/* And has been for long enough that the driver is not about to do something. */
bool world_is_settled(struct sim *s);
/* The end of disturbances: no new faults, peers finish and close (design: the world heals). */
void world_heal(struct sim *s);
/* The module has a world of its own (include/wsksim/world.h), which says when to unload. */
bool world_has_script(struct sim *s);
/*
 * True while user-mode clients or scripts hold, or may still open, a handle to a device of the
 * driver.
 */
bool world_has_users(struct sim *s);
/* True once world_heal was called: fault injection points ask. */
bool world_is_healed(struct sim *s);
/*
 * Peers watch what the driver opens: a listener or bound datagram socket, a connect to a remote
 * host.
 */
void world_listening(struct sim *s, const void *local_address /* struct net_address */);
void world_bound(struct sim *s, const void *local_address /* struct net_address, UDP */);
void world_connecting(struct sim *s, const void *remote_address /* struct net_address */);
/* A datagram from the driver to an address nobody owns yet: a peer may appear there. */
void world_datagram(struct sim *s, const void *remote_address /* struct net_address */);

#endif
