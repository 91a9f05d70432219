/*
 * Which certificates a client library shall trust, in the form all of them take: the name of a
 * file. What a request brings as text is put into a file that exists in memory only.
 */
#ifndef WF_REMOTE_TRUST_H
#define WF_REMOTE_TRUST_H

#include "remote/common/request.h"

/* A text in memory under the name of a file; fd is -1 when there is none to close. */
typedef struct WfTextFile
{
	char path[64]; /* empty: nothing */
	int fd;
} WfTextFile;

/*
 * Makes a file in memory of a text; false and a failure of type other when that is not possible.
 * What names the text in the failure.
 */
extern bool wf_text_file_open(WfTextFile *file, const char *what, const char *text,
							  WfFailure *failure);

/* Lets go of the file; a library may have it open still. After a failure too. */
extern void wf_text_file_close(WfTextFile *file);

/*
 * Chooses the certificates to trust in the mode of a request: an empty path for the modes that
 * verify nothing, the text of the request, or for verify-full the authorities of the system.
 * False and a failure of type tls when a mode needs certificates and there are none.
 */
extern bool wf_trust_choose(WfTextFile *file, const WfRequest *request, WfFailure *failure);

#endif
