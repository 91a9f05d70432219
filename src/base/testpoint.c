/*
 * testpoint.c - letting tests choose the moment of a crash.
 *
 * A file, not a setting: it disappears when it fires, so that the retry after the crash goes through.
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/wait_event.h"

#include "base/settings.h"
#include "base/testpoint.h"

#define POINT_FILE "whalefall.test_point"
#define GO_FILE	   "whalefall.test_go"

/* Read the two words of the point file; false when there is none. */
static bool
read_point(char *place, char *action)
{
	FILE *file = AllocateFile(POINT_FILE, "r");
	bool found;

	if (file == NULL)
		return false;
	found = fscanf(file, "%31s %31s", place, action) == 2;
	FreeFile(file);
	return found;
}

static void
wait_for_go(void)
{
	for (int i = 0; i < 600 && access(GO_FILE, F_OK) != 0; i++)
	{
		CHECK_FOR_INTERRUPTS();
		(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 100, PG_WAIT_EXTENSION);
	}
	unlink(GO_FILE);
}

void
wf_testpoint(const char *place)
{
	char wanted[32];
	char action[32];

	if (!wf_setting_testing || !read_point(wanted, action) || strcmp(wanted, place) != 0)
		return;
	unlink(POINT_FILE);
	if (strcmp(action, "kill") == 0)
		kill(getpid(), SIGKILL);
	else
		wait_for_go();
}
