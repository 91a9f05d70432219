/*
 * Choosing the certificates to trust: see trust.h.
 */
#include "remote/common/trust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where distributions keep the certificates of public authorities. */
static const char *const system_ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",	  /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",			  /* SUSE */
};

bool
wf_text_file_open(WfTextFile *file, const char *what, const char *text, WfFailure *failure)
{
	size_t len = strlen(text);
	size_t done = 0;

	file->fd = memfd_create("whalefall", MFD_CLOEXEC);
	while (file->fd >= 0 && done < len)
	{
		ssize_t n = write(file->fd, text + done, len - done);

		if (n <= 0 && errno != EINTR)
			break;
		if (n > 0)
			done += (size_t) n;
	}
	if (file->fd >= 0 && done == len)
	{
		snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
		return true;
	}
	wf_failure_set(failure, WF_ERROR_OTHER, "could not store the %s: %s", what, strerror(errno));
	wf_text_file_close(file);
	return false;
}

void
wf_text_file_close(WfTextFile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->path[0] = '\0';
	file->fd = -1;
}

/*
 * Modes that verify nothing get no certificates: a library would verify, and under "prefer" fall
 * back to an open connection when that fails.
 */
bool
wf_trust_choose(WfTextFile *file, const WfRequest *request, WfFailure *failure)
{
	const char *mode = request->tls_mode;

	file->path[0] = '\0';
	file->fd = -1;
	if (strcmp(mode, "disable") == 0 || strcmp(mode, "prefer") == 0)
		return true;
	if (request->tls_ca != NULL && request->tls_ca[0] != '\0')
		return wf_text_file_open(file, "TLS certificates", request->tls_ca, failure);
	if (strcmp(mode, "require") == 0)
		return true;
	/* A public authority vouches for names; without checking the name it vouches for nothing. */
	if (strcmp(mode, "verify-full") == 0)
	{
		for (size_t i = 0; i < sizeof(system_ca_files) / sizeof(system_ca_files[0]); i++)
		{
			if (access(system_ca_files[i], R_OK) == 0)
			{
				snprintf(file->path, sizeof(file->path), "%s", system_ca_files[i]);
				return true;
			}
		}
	}
	wf_failure_set(failure, WF_ERROR_TLS, "TLS mode %s needs the certificate of an authority",
				   mode);
	wf_failure_hint(failure, "Give the PEM text of the authority that signed the server's "
							 "certificate.");
	return false;
}
