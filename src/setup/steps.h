/*
 * steps.h - the pieces of setup(), in the order it takes them.
 */
#ifndef WF_SETUP_STEPS_H
#define WF_SETUP_STEPS_H

#include "postgres.h"

#include "base/caller.h"
#include "base/json.h"

/* What one call of setup() reports. */
typedef struct WfSetup
{
	WfIdentity superuser; /* who calls; all but the marked parts runs as whalefall_owner */
	WfJson *steps;		  /* open array: names of what was done */
	char *warnings[16];	  /* sentences */
	int warning_count;
	char *admin_password_file; /* NULL when no administrator was made */
} WfSetup;

/* Remember a warning for the result, and send it. */
extern void wf_setup_warn(WfSetup *setup, const char *message, const char *hint);

/* Take the steps above done_version; gives the version reached. SPI connected. */
extern int wf_setup_take_steps(WfSetup *setup, int done_version);

/* Apply the seeds whose version is newer than what was applied. SPI connected. */
extern void wf_setup_apply_seeds(WfSetup *setup);

/* Make missing key files, check existing ones. SPI connected. */
extern void wf_setup_ensure_key_files(WfSetup *setup);

/* Is there history of an earlier life of the extension? SPI connected. */
extern bool wf_setup_history_exists(void);

/* Put such history aside under another schema name; gives the name. As superuser, SPI connected. */
extern char *wf_setup_history_archive(void);

/* After the steps: move every id past those that such history uses. SPI connected. */
extern void wf_setup_history_adopt(void);

/* Refuse a schema of our name that belongs to somebody else. */
extern void wf_setup_history_check_owner(void);

#endif
