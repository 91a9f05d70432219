/*
 * What a worker and a helper program say to each other: frame types, the keys of a request, the
 * words of an error and the limits both sides check. Shared by the server module and by the
 * programs; includes neither server nor client library headers. docs/remote.md is the manual.
 */
#ifndef WF_REMOTE_PROTOCOL_H
#define WF_REMOTE_PROTOCOL_H

/* Both sides must agree on this number; a program left over from another version is refused. */
#define WF_REMOTE_PROTOCOL "1"

/* Every program is called this plus the database type. */
#define WF_REMOTE_PROGRAM "whalefall-remote-"

/* Frame types. A request is answered by any number of P, V, R, W and then exactly one E or D. */
#define WF_FRAME_REQUEST 'Q' /* key, value, key, value ... */
#define WF_FRAME_PHASE	 'P' /* phase */
#define WF_FRAME_VERSION 'V' /* banner, number */
#define WF_FRAME_ROWS	 'R' /* dataset, number of columns, then whole rows */
#define WF_FRAME_WARNING 'W' /* category, sqlstate, message */
#define WF_FRAME_ERROR	 'E' /* type, phase, sqlstate, message, detail, hint + the fields of D */
#define WF_FRAME_DONE	 'D' /* round trips, rows, elapsed milliseconds */

#define WF_FRAME_ERROR_FIELDS 9
#define WF_FRAME_DONE_FIELDS  3

/* Words of an error type; everything else is a protocol violation of the program. */
#define WF_ERROR_DNS			  "dns"
#define WF_ERROR_REFUSED		  "refused"
#define WF_ERROR_TIMEOUT		  "timeout"
#define WF_ERROR_AUTH			  "auth"
#define WF_ERROR_UNKNOWN_DATABASE "unknown_database"
#define WF_ERROR_TLS			  "tls"
#define WF_ERROR_PROTOCOL		  "protocol"
#define WF_ERROR_OTHER			  "other"
#define WF_ERROR_CANCELLED		  "cancelled" /* said by the worker alone */

/* Words of a phase, in the order they are passed. */
#define WF_PHASE_RESOLVING	"resolving"
#define WF_PHASE_CONNECTING "connecting"
#define WF_PHASE_READING	"reading"

/* Row frames are sent when about this many bytes have gathered. */
#define WF_REMOTE_ROWS_BYTES (64 * 1024)
/* No dataset has more columns than this. */
#define WF_REMOTE_COLUMNS_MAX 32
/* Longest text of an error, its detail or its hint, in bytes. */
#define WF_REMOTE_TEXT_MAX 8192
/* Warnings kept of one answer. */
#define WF_REMOTE_WARNINGS_MAX 100
/* All rows of one answer together; a remote server cannot make a worker keep more. */
#define WF_REMOTE_ANSWER_MAX (256 * 1024 * 1024)
/* Bounds of both timeouts, in milliseconds. */
#define WF_REMOTE_TIMEOUT_MIN 100
#define WF_REMOTE_TIMEOUT_MAX (24 * 3600 * 1000)

#endif
