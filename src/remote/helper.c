/*
 * helper.c - the workers' side of the helper programs: one request, its answer, and every way in
 * which that can go wrong. Nothing the program sends is believed.
 */
#include "postgres.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "remote/answer.h"
#include "remote/process.h"

/* How often the caller is asked whether to go on, at least. */
#define POLL_MS 500
/* What the program gets beyond the deadlines that it watches over by itself. */
#define GRACE_MS 2000
/* How long a program that closed its socket may take to end. */
#define END_MS 200
/* Bytes taken from the socket at a time. */
#define CHUNK_SIZE (64 * 1024)

/* Programs kept at once: one for each engine that there is. */
#define PROGRAMS_MAX 4

/* A program of an engine, and its process if one runs. */
typedef struct Program
{
	char path[MAXPGPATH];
	WfProcess process;
	int64 used; /* number of the read that used it last */
} Program;

/*
 * A queue of several engines would start a program for nearly every item if only one were kept. Only one at a
 * time is asked, so buffers are shared; between two reads they are empty.
 */
struct WfHelper
{
	MemoryContext context;
	MemoryContextCallback callback;
	char directory[MAXPGPATH];
	Program programs[PROGRAMS_MAX];
	int64 reads;
	WfBuffer request;
	WfFrameReader reader;
	char *chunk;
};

/* One read of one target. */
typedef struct Exchange
{
	WfHelper *helper;
	Program *program; /* NULL until it is known which */
	const WfRemoteTarget *target;
	bool (*cancelled)(void *);
	void *cancel_arg;
	WfAnswer answer;
	int64 deadline;
	int64 next_poll;
	bool reading; /* the deadline is the one of the phase reading */
} Exchange;

/* The monotonic clock in milliseconds. */
static int64
now_ms(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MILLISEC(now);
}

/* Ends a program's process and wipes what was on its way; gives the status of waitpid. */
static int
discard_process(WfHelper *helper, Program *program, int patience)
{
	int status = program != NULL ? wf_process_end(&program->process, patience) : -1;

	wf_buffer_wipe(&helper->request);
	wf_frame_reader_free(&helper->reader);
	return status;
}

/* Runs when the owner's memory goes, after an error too: no process may outlive it. */
static void
owner_gone(void *arg)
{
	WfHelper *helper = arg;

	for (int i = 0; i < PROGRAMS_MAX; i++)
		discard_process(helper, &helper->programs[i], 0);
	wf_buffer_free(&helper->request);
}

WfHelper *
wf_helper_create(MemoryContext owner, const char *directory)
{
	MemoryContext context = AllocSetContextCreate(owner, "whalefall helper", ALLOCSET_SMALL_SIZES);
	WfHelper *helper = MemoryContextAllocZero(context, sizeof(WfHelper));

	helper->context = context;
	helper->chunk = MemoryContextAlloc(context, CHUNK_SIZE);
	if (directory != NULL)
		strlcpy(helper->directory, directory, MAXPGPATH);
	else
	{
		strlcpy(helper->directory, my_exec_path, MAXPGPATH);
		get_parent_directory(helper->directory);
	}
	for (int i = 0; i < PROGRAMS_MAX; i++)
		helper->programs[i].process.sock = -1;
	helper->callback.func = owner_gone;
	helper->callback.arg = helper;
	MemoryContextRegisterResetCallback(context, &helper->callback);
	return helper;
}

void
wf_helper_close(WfHelper *helper)
{
	MemoryContextDelete(helper->context);
}

/* Tells how a process that closed its socket has ended. */
static void
fail_ended(Exchange *x)
{
	int status = discard_process(x->helper, x->program, END_MS);

	if (status != -1 && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		wf_answer_fail(&x->answer, WF_ERROR_OTHER, "the helper program ended by signal %d",
					   WTERMSIG(status));
	else if (status != -1 && WIFSIGNALED(status))
		wf_answer_fail(&x->answer, WF_ERROR_OTHER, "the helper program was killed");
	else if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		wf_answer_fail(&x->answer, WF_ERROR_OTHER, "the helper program could not be run");
	else if (status != -1 && WIFEXITED(status))
		wf_answer_fail(&x->answer, WF_ERROR_OTHER, "the helper program ended with status %d",
					   WEXITSTATUS(status));
	else
		wf_answer_fail(&x->answer, WF_ERROR_OTHER, "the helper program ended");
	wf_answer_hint(&x->answer, "The server log may hold its last words; run \"%s --help\" by hand.",
				   x->program->path);
}

/* Looks at cancellation and deadline; false after it has ended the exchange. */
static bool
may_go_on(Exchange *x)
{
	int64 now = now_ms();

	if (x->cancelled != NULL && now >= x->next_poll)
	{
		x->next_poll = now + POLL_MS;
		if (x->cancelled(x->cancel_arg))
		{
			wf_answer_fail(&x->answer, WF_ERROR_CANCELLED, "the read was cancelled");
			return false;
		}
	}
	/* A program that has gone on to reading is given the time for that, once. */
	if (!x->reading && strcmp(x->answer.result->phase, WF_PHASE_READING) == 0)
	{
		x->reading = true;
		x->deadline = now + x->target->statement_timeout_ms + GRACE_MS;
	}
	if (now < x->deadline)
		return true;
	wf_answer_fail(&x->answer, WF_ERROR_TIMEOUT, "timeout expired while %s",
				   x->answer.result->phase);
	return false;
}

/* Waits for the socket; false after it has ended the exchange. */
static bool
wait_for_socket(Exchange *x, int event)
{
	while (may_go_on(x))
	{
		int64 left = x->deadline - now_ms();
		int events;

		left = Max(0, Min(left, POLL_MS));
		events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | event,
								   x->program->process.sock, (long) left, PG_WAIT_EXTENSION);
		if (events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
			x->next_poll = 0;
		}
		if (events & event)
			return true;
	}
	return false;
}

/* Adds a key and its value to the request; a NULL value is left out. */
static void
put_pair(WfFrameWriter *writer, const char *key, const char *value)
{
	if (value == NULL)
		return;
	wf_frame_put_text(writer, key);
	wf_frame_put_text(writer, value);
}

/* Builds the request frame; false after it has ended the exchange. */
static bool
build_request(Exchange *x, const char *reads)
{
	const WfRemoteTarget *target = x->target;
	WfFrameWriter writer;
	char port[16];
	char connect_timeout[16];
	char statement_timeout[16];

	snprintf(port, sizeof(port), "%d", target->port);
	snprintf(connect_timeout, sizeof(connect_timeout), "%d", target->connect_timeout_ms);
	snprintf(statement_timeout, sizeof(statement_timeout), "%d", target->statement_timeout_ms);

	wf_frame_begin(&writer, &x->helper->request, WF_FRAME_REQUEST);
	put_pair(&writer, "protocol", WF_REMOTE_PROTOCOL);
	put_pair(&writer, "db_type", target->db_type);
	put_pair(&writer, "host", target->host);
	put_pair(&writer, "port", port);
	put_pair(&writer, "dbname", target->dbname);
	put_pair(&writer, "user", target->user);
	put_pair(&writer, "password", target->password);
	put_pair(&writer, "tls_mode", target->tls_mode);
	put_pair(&writer, "tls_ca", target->tls_ca);
	put_pair(&writer, "server_public_key", target->server_public_key);
	put_pair(&writer, "allow_cleartext_key", target->allow_cleartext_key ? "true" : NULL);
	put_pair(&writer, "connect_timeout_ms", connect_timeout);
	put_pair(&writer, "statement_timeout_ms", statement_timeout);
	put_pair(&writer, "reads", reads);
	if (wf_frame_end(&writer))
		return true;
	if (writer.status == WF_FRAME_NO_MEMORY)
		wf_answer_fail(&x->answer, WF_ERROR_OTHER, "out of memory");
	else
		wf_answer_fail(&x->answer, WF_ERROR_PROTOCOL, "the request is too large for a frame");
	return false;
}

/* Sends the request and wipes it; false after it has ended the exchange. */
static bool
send_request(Exchange *x)
{
	WfHelper *helper = x->helper;
	size_t sent = 0;

	while (sent < helper->request.len)
	{
		ssize_t n = send(x->program->process.sock, helper->request.data + sent,
						 helper->request.len - sent, MSG_NOSIGNAL);

		if (n >= 0)
			sent += n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
		{
			if (!wait_for_socket(x, WL_SOCKET_WRITEABLE))
				return false;
		}
		else if (errno != EINTR)
		{
			fail_ended(x);
			return false;
		}
	}
	wf_buffer_wipe(&helper->request);
	return true;
}

/* Takes the frames in some bytes from the socket. */
static void
take_bytes(Exchange *x, size_t len)
{
	WfHelper *helper = x->helper;
	size_t pos = 0;

	while (pos < len && !x->answer.ended)
	{
		size_t used;
		WfFrameStatus status =
			wf_frame_feed(&helper->reader, helper->chunk + pos, len - pos, &used);

		pos += used;
		if (status == WF_FRAME_MORE)
			break;
		if (status == WF_FRAME_NO_MEMORY)
			wf_answer_fail(&x->answer, WF_ERROR_OTHER, "out of memory");
		else if (status != WF_FRAME_READY)
			wf_answer_fail(&x->answer, WF_ERROR_PROTOCOL,
						   "the helper program sent a frame that is too large");
		else
		{
			wf_answer_frame(&x->answer, helper->reader.type, helper->reader.payload.data,
							helper->reader.payload.len);
			wf_frame_next(&helper->reader);
		}
	}
	/* Bytes after the end of an answer would be taken for the next one. */
	if (x->answer.ended && pos < len)
		discard_process(helper, x->program, 0);
}

/* Receives the answer up to its end. */
static void
receive_answer(Exchange *x)
{
	while (!x->answer.ended && may_go_on(x))
	{
		ssize_t n = recv(x->program->process.sock, x->helper->chunk, CHUNK_SIZE, 0);

		if (n > 0)
		{
			take_bytes(x, (size_t) n);
			CHECK_FOR_INTERRUPTS();
		}
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		{
			if (!wait_for_socket(x, WL_SOCKET_READABLE))
				return;
		}
		else if (n == 0 || errno != EINTR)
			fail_ended(x);
	}
}

/* Names the program for a database type; false when that can be no database type. */
static bool
program_path(const WfHelper *helper, const char *db_type, char *path)
{
	size_t len = strspn(db_type, "abcdefghijklmnopqrstuvwxyz");

	if (len == 0 || len > 16 || db_type[len] != '\0')
		return false;
	return snprintf(path, MAXPGPATH, "%s/" WF_REMOTE_PROGRAM "%s", helper->directory, db_type) <
		   MAXPGPATH;
}

/* The place of the program with this path: its own, else an unused one, else that of the least recently used. */
static Program *
choose_program(WfHelper *helper, const char *path)
{
	Program *best = &helper->programs[0];

	for (int i = 0; i < PROGRAMS_MAX; i++)
	{
		Program *program = &helper->programs[i];

		if (strcmp(program->path, path) == 0)
			return program;
		if (program->used < best->used)
			best = program;
	}
	return best;
}

/* Makes sure that an idle process of the right program runs; false after ending the exchange. */
static bool
ensure_process(Exchange *x)
{
	WfHelper *helper = x->helper;
	char path[MAXPGPATH];

	if (!program_path(helper, x->target->db_type, path))
	{
		wf_answer_fail(&x->answer, WF_ERROR_OTHER, "there is no helper program for \"%.32s\"",
					   x->target->db_type);
		return false;
	}
	x->program = choose_program(helper, path);
	x->program->used = ++helper->reads;
	if (strcmp(path, x->program->path) == 0 && wf_process_idle(&x->program->process))
		return true;
	discard_process(helper, x->program, 0);
	strlcpy(x->program->path, path, MAXPGPATH);
	if (access(path, X_OK) != 0)
	{
		wf_answer_fail(&x->answer, WF_ERROR_OTHER, "the helper program for %s servers is missing",
					   x->target->db_type);
		wf_answer_hint(&x->answer, "Install \"%s\", executable for the server's user.", path);
		return false;
	}
	if (wf_process_start(&x->program->process, path))
		return true;
	wf_answer_fail(&x->answer, WF_ERROR_OTHER, "the helper program could not be started: %s",
				   strerror(errno));
	wf_answer_hint(&x->answer, "The program is \"%s\".", path);
	return false;
}

/*
 * Tells whether the process can serve another request: after these ends nobody knows what it is
 * about to say or do.
 */
static bool
is_reusable(const WfAnswer *answer)
{
	return answer->by_program && strcmp(answer->result->error_type, WF_ERROR_TIMEOUT) != 0 &&
		   strcmp(answer->result->error_type, WF_ERROR_PROTOCOL) != 0;
}

void
wf_helper_read(WfHelper *helper, const WfRemoteTarget *target, const char *reads, WfRemoteRow row,
			   void *arg, bool (*cancelled)(void *), void *cancel_arg, WfRemoteResult *result)
{
	Exchange x;
	int64 started = now_ms();

	memset(&x, 0, sizeof(x));
	x.helper = helper;
	x.target = target;
	x.cancelled = cancelled;
	x.cancel_arg = cancel_arg;
	x.deadline = started + target->connect_timeout_ms + GRACE_MS;
	wf_answer_begin(&x.answer, result, row, arg, helper->context);

	PG_TRY();
	{
		if (GetDatabaseEncoding() != PG_UTF8)
			wf_answer_fail(&x.answer, WF_ERROR_OTHER, "the database does not use UTF8");
		else if (ensure_process(&x) && build_request(&x, reads) && send_request(&x))
			receive_answer(&x);
	}
	PG_CATCH();
	{
		discard_process(helper, x.program, 0);
		wf_answer_end(&x.answer);
		PG_RE_THROW();
	}
	PG_END_TRY();

	if (!is_reusable(&x.answer))
		discard_process(helper, x.program, 0);
	wf_answer_end(&x.answer);
	/* The caller's clock: the program's stood still when the watchdog had to answer. */
	result->elapsed_ms = now_ms() - started;
}
