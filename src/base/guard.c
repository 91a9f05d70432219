/*
 * guard.c - may this control plane work at all?
 *
 * A dump restored elsewhere still knows every host and login of the fleet. setup() stores which cluster
 * and database it belongs to; anywhere else nothing works until somebody takes the copy over.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"

#include "base/errors.h"
#include "base/guard.h"
#include "base/spi.h"

typedef enum State
{
	READY,
	NOT_SET_UP,
	SETUP_OUTDATED,
	SETUP_TOO_NEW,
	RESTORED_COPY
} State;

static const struct
{
	WfErrorCode code;
	const char *detail;
	const char *hint;
} states[] = {
	[READY] = {WF_ERR_NONE, NULL, NULL},
	[NOT_SET_UP] = {WF_ERR_NOT_SET_UP, "whalefall.setup() has not run in this database.",
					"Run SELECT whalefall.setup(); as a superuser."},
	[SETUP_OUTDATED] = {WF_ERR_NOT_SET_UP,
						"whalefall.setup() has not run since the extension was updated.",
						"Run SELECT whalefall.setup(); as a superuser."},
	[SETUP_TOO_NEW] = {WF_ERR_NOT_SET_UP,
					   "This database was set up by a newer release than the loaded library.",
					   "Install the newer library and restart the server."},
	[RESTORED_COPY] =
		{WF_ERR_RESTORED_COPY,
		 "It was set up in another cluster or database, so it must not log in to the fleet.",
		 "If this copy shall be the control plane from now on, run "
		 "SELECT whalefall.setup(take_over => true); as a superuser."},
};

static State
state_of_control_plane(void)
{
	static WfQuery find = WF_QUERY0("select system_identifier, database_oid::bigint, setup_version "
									"from whalefall.control_plane");

	if (wf_spi_run(&find, SPI_OK_SELECT, NULL) == 0)
		return NOT_SET_UP;
	if ((uint64) wf_spi_int64(0, 1) != GetSystemIdentifier() ||
		(Oid) wf_spi_int64(0, 2) != MyDatabaseId)
		return RESTORED_COPY;
	if (wf_spi_int32(0, 3) < WF_SETUP_VERSION)
		return SETUP_OUTDATED;
	return wf_spi_int32(0, 3) > WF_SETUP_VERSION ? SETUP_TOO_NEW : READY;
}

void
wf_guard_require_ready(void)
{
	State state = state_of_control_plane();

	if (state != READY)
		wf_raise(states[state].code, states[state].detail, states[state].hint);
}

bool
wf_guard_is_ready(const char **reason)
{
	State state = state_of_control_plane();

	if (reason != NULL)
		*reason = states[state].detail;
	return state == READY;
}
