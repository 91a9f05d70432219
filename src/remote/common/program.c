/*
 * Main function of the helper programs: see program.h.
 */
#include "remote/common/program.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "remote/common/harden.h"

void
wf_program_serve(const WfEngine *engine, WfRequest *request, WfOutput *out)
{
	static WfFailure failure;

	if (!wf_request_check(request, engine->db_type, engine->default_port, engine->default_dbname,
						  &failure))
		wf_output_error(out, &failure);
	else if ((request->reads & ~engine->reads) != 0)
	{
		wf_failure_set(&failure, WF_ERROR_OTHER, "%s servers cannot be read that way",
					   engine->title);
		wf_output_error(out, &failure);
	}
	else if (!engine->server_keys &&
			 (request->server_public_key != NULL || request->allow_cleartext_key != NULL))
	{
		wf_failure_set(&failure, WF_ERROR_OTHER, "logins of %s servers use no public key",
					   engine->title);
		wf_output_error(out, &failure);
	}
	else
		engine->serve(request, out);
}

/* Serves the one request of the command line. */
static int
command_line_main(const WfEngine *engine, WfRequest *request)
{
	static WfOutput out;

	wf_output_init(&out, WF_OUTPUT_JSON, STDOUT_FILENO);
	wf_program_serve(engine, request, &out);
	return out.failed ? WF_EXIT_REMOTE : WF_EXIT_OK;
}

int
wf_program_main(const WfEngine *engine, int argc, char **argv)
{
	static WfArguments arguments;
	int status;

	wf_harden_process();
	if (!wf_arguments_read(engine, argc, argv, &arguments))
		return WF_EXIT_USAGE;
	wf_harden_environment();

	if (arguments.help)
	{
		wf_arguments_help(engine);
		status = WF_EXIT_OK;
	}
	else if (arguments.version)
	{
		printf(WF_REMOTE_PROGRAM "%s %s (protocol " WF_REMOTE_PROTOCOL ", %s)\n", engine->db_type,
			   WF_VERSION, engine->client());
		status = WF_EXIT_OK;
	}
	else if (arguments.worker_parent != 0)
	{
		wf_harden_follow_parent((pid_t) arguments.worker_parent);
		status = wf_worker_main(engine);
	}
	else
		status = command_line_main(engine, &arguments.request);
	wf_request_free(&arguments.request);
	return status;
}
