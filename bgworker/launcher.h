/*
 * launcher.h - the one static background worker.
 */
#ifndef WF_BGWORKER_LAUNCHER_H
#define WF_BGWORKER_LAUNCHER_H

/* Register the launcher; from _PG_init in the postmaster. */
extern void wf_launcher_register(void);

#endif
