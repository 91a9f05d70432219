/*
 * stuck.c - sessions of the HTTP front that cannot leave a failed transaction.
 *
 * PostgREST rolls a failed transaction back at once, but not one whose COMMIT or ROLLBACK was itself cancelled. It
 * then goes on using the connection, and every request on it fails for as long as the connection lives: half an
 * hour. idle_in_transaction_session_timeout does not help, because each of these requests starts it anew; nor does a
 * timer of our own, because each error stops all of them. But a command in a failed transaction is what PostgREST
 * sends in this case alone, so the first one ends the session, and PostgREST makes another.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "people/stuck.h"

static emit_log_hook_type previous_hook;
static bool watching;

/* Runs while the error is reported: only marks the session; it ends before it reads the next command. */
static void
on_report(ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_IN_FAILED_SQL_TRANSACTION)
	{
		ProcDiePending = true;
		InterruptPending = true;
	}
	if (previous_hook)
		previous_hook(error);
}

void
wf_stuck_watch(void)
{
	if (watching)
		return;
	previous_hook = emit_log_hook;
	emit_log_hook = on_report;
	watching = true;
}
