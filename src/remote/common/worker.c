/*
 * Worker mode of a helper program: request frames in, answers out, over one socket.
 */
#include "remote/common/program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/*
 * Moves the socket away from the standard descriptors, so that nothing a library prints can get
 * between the frames. Gives the new descriptor, -1 on failure.
 */
static int
take_socket(void)
{
	int sock = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (sock < 0 || null < 0)
		return -1;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	return sock;
}

/* Answers something that was not a request. */
static void
refuse(WfOutput *out, const char *why)
{
	wf_output_start(out);
	wf_output_unfit(out, why);
}

/* Serves one complete frame. */
static void
serve_frame(const WfEngine *engine, WfFrameReader *reader, WfOutput *out)
{
	static WfRequest request;
	static WfFailure failure;

	if (reader->type != WF_FRAME_REQUEST)
	{
		refuse(out, "the frame is not a request");
		return;
	}
	wf_output_start(out);
	if (wf_request_decode(&request, reader->payload.data, reader->payload.len, &failure))
	{
		/* The frame holds the password too. */
		wf_buffer_wipe(&reader->payload);
		wf_program_serve(engine, &request, out);
	}
	else
		wf_output_error(out, &failure);
	wf_request_free(&request);
}

/*
 * Serves the requests in some bytes; false when the bytes are not frames: where the next one would
 * begin is not known then.
 */
static bool
serve_bytes(const WfEngine *engine, WfFrameReader *reader, const char *bytes, size_t len,
			WfOutput *out)
{
	size_t pos = 0;

	while (pos < len)
	{
		size_t used;
		WfFrameStatus status = wf_frame_feed(reader, bytes + pos, len - pos, &used);

		pos += used;
		if (status == WF_FRAME_MORE)
			break;
		if (status != WF_FRAME_READY)
		{
			refuse(out, "the request frame is too large");
			return false;
		}
		serve_frame(engine, reader, out);
		wf_frame_next(reader);
	}
	return true;
}

int
wf_worker_main(const WfEngine *engine)
{
	static char bytes[16 * 1024];
	static WfOutput out;
	WfFrameReader reader;
	bool good = true;
	int sock = take_socket();

	if (sock < 0)
		return WF_EXIT_USAGE;
	memset(&reader, 0, sizeof(reader));
	wf_output_init(&out, WF_OUTPUT_FRAMES, sock);
	while (good)
	{
		ssize_t n = read(sock, bytes, sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		good = serve_bytes(engine, &reader, bytes, (size_t) n, &out);
		explicit_bzero(bytes, (size_t) n);
	}
	wf_frame_reader_free(&reader);
	return good ? WF_EXIT_OK : WF_EXIT_REMOTE;
}
