/*
 * secret.h - the secret of tokens, and what is signed with it.
 */
#ifndef WF_PEOPLE_SECRET_H
#define WF_PEOPLE_SECRET_H

#include "postgres.h"

#define WF_MAC_BYTES 32

/* What a signature is for: each has a key of its own, so that none can be passed off as another. */
typedef enum WfMacPurpose
{
	WF_MAC_TOKEN, /* JWT: the secret as it is, since PostgREST checks them too */
	WF_MAC_CSRF,  /* CSRF tokens */
	WF_MAC_COOKIE /* cookies of those who have not logged in */
} WfMacPurpose;

/*
 * HMAC-SHA256 of length bytes. Raises NOT_SET_UP when the file of whalefall.jwt_file is missing, can be read by
 * everybody, or holds less than 32 bytes.
 */
extern void wf_secret_mac(WfMacPurpose purpose, const char *data, size_t length, uint8 *mac);

/* Compare two signatures in a time that tells nothing about them. */
extern bool wf_secret_equal(const uint8 *a, const uint8 *b);

#endif
