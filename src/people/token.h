/*
 * token.h - access and refresh tokens: JWT signed with HS256, and nothing else.
 */
#ifndef WF_PEOPLE_TOKEN_H
#define WF_PEOPLE_TOKEN_H

#include "postgres.h"

#include "base/caller.h"
#include "base/errors.h"

/* Longer texts are no token of ours. */
#define WF_TOKEN_MAX 4096

typedef enum WfTokenType
{
	WF_TOKEN_ACCESS,
	WF_TOKEN_REFRESH
} WfTokenType;

/* What a token says, checked for form and time. */
typedef struct WfClaims
{
	int64 user_id;
	char sid[37]; /* of the login session: uuid, lower case */
	char pg_role
		[NAMEDATALEN]; /* database role of an access token, for PostgREST; "" in a refresh token */
	int64 epoch;	   /* users.token_epoch when it was made */
} WfClaims;

/* A new token for a login session, palloc'd; a secret. Its life comes from the settings. */
extern char *wf_token_make(WfTokenType type, int64 user_id, const char *sid, WfRole role,
						   int32 epoch);

/*
 * Check signature, algorithm, form, type, audience and times of a token. WF_ERR_NONE and the claims, or
 * TOKEN_EXPIRED, TOKEN_INVALID. Nothing is looked up. Raises only what wf_secret_mac raises.
 */
extern WfErrorCode wf_token_read(const char *token, WfTokenType type, WfClaims *claims);

/* The same for claims whose signature somebody else has checked: the text of a JSON object. */
extern WfErrorCode wf_token_read_claims(const char *json, size_t length, WfTokenType type,
										WfClaims *claims);

#endif
