/*
 * The set of accounts: see accounts.h.
 */
#include "remote/mysql/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a piece of memory for texts. */
#define CHUNK_BYTES (256 * 1024)

typedef struct WfMyChunk
{
	struct WfMyChunk *next;
	size_t used;
	size_t size;
	char bytes[];
} WfMyChunk;

/* Room for that many bytes; NULL when the set is full. */
static char *
take_bytes(WfMyAccounts *accounts, size_t len)
{
	WfMyChunk *chunk = accounts->chunks;
	char *bytes;

	if (accounts->full || len > WF_MY_TEXT_MAX - accounts->text)
	{
		accounts->full = true;
		return NULL;
	}
	if (chunk == NULL || chunk->size - chunk->used < len)
	{
		size_t size = len > CHUNK_BYTES ? len : CHUNK_BYTES;

		chunk = malloc(sizeof(WfMyChunk) + size);
		if (chunk == NULL)
		{
			accounts->full = true;
			return NULL;
		}
		chunk->next = accounts->chunks;
		chunk->used = 0;
		chunk->size = size;
		accounts->chunks = chunk;
	}
	bytes = chunk->bytes + chunk->used;
	chunk->used += len;
	accounts->text += len;
	return bytes;
}

const char *
wf_my_accounts_text(WfMyAccounts *accounts, const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text) + 1;
	char *copy = text == NULL ? NULL : take_bytes(accounts, len);

	if (copy != NULL)
		memcpy(copy, text, len);
	return copy;
}

/* FNV-1a, stirred once more: names of a fleet differ in their last characters only. */
static uint32_t
hash_text(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char) *text) * 16777619u;
	hash ^= hash >> 16;
	return hash * 0x7FEB352Du;
}

/* The slot of a text: its own, or the free one where it would stand. */
static uint32_t *
find_slot(const WfMyAccounts *accounts, const char *grantee, uint32_t hash)
{
	uint32_t at = hash & (accounts->nslots - 1);

	while (accounts->slots[at] != 0)
	{
		const WfMyAccount *account = &accounts->list[accounts->slots[at] - 1];

		if (account->hash == hash && strcmp(account->grantee, grantee) == 0)
			break;
		at = (at + 1) & (accounts->nslots - 1);
	}
	return &accounts->slots[at];
}

/* Makes the table of slots twice as large; false when memory is out. */
static bool
grow_slots(WfMyAccounts *accounts)
{
	uint32_t before = accounts->nslots;
	uint32_t *old = accounts->slots;

	accounts->nslots = before == 0 ? 1024 : before * 2;
	accounts->slots = calloc(accounts->nslots, sizeof(uint32_t));
	if (accounts->slots == NULL)
	{
		accounts->slots = old;
		accounts->nslots = before;
		return false;
	}
	for (int i = 0; accounts->list != NULL && i < accounts->n; i++)
		*find_slot(accounts, accounts->list[i].grantee, accounts->list[i].hash) = (uint32_t) i + 1;
	free(old);
	return true;
}

/* Makes room for one more element of an array; false when memory is out or it has max. */
static bool
grow_array(void **array, int *space, int used, int max, size_t size)
{
	int wanted = *space == 0 ? 256 : *space * 2;
	void *larger;

	if (*array != NULL && used < *space)
		return true;
	if (used >= max)
		return false;
	if (wanted > max)
		wanted = max;
	larger = realloc(*array, (size_t) wanted * size);
	if (larger == NULL)
		return false;
	*array = larger;
	*space = wanted;
	return true;
}

WfMyAccount *
wf_my_accounts_find(WfMyAccounts *accounts, const char *grantee)
{
	uint32_t found;

	if (accounts->nslots == 0)
		return NULL;
	found = *find_slot(accounts, grantee, hash_text(grantee));
	return found == 0 ? NULL : &accounts->list[found - 1];
}

/* Fills a new element; false when the set is full. */
static bool
fill(WfMyAccounts *accounts, WfMyAccount *account, const char *user, const char *host,
	 const char *grantee)
{
	size_t len = strlen(user) + strlen(host) + 2;
	char *name = take_bytes(accounts, len);

	memset(account, 0, sizeof(*account));
	account->edges = -1;
	account->hash = hash_text(grantee);
	account->user = wf_my_accounts_text(accounts, user);
	account->host = wf_my_accounts_text(accounts, host);
	account->grantee = wf_my_accounts_text(accounts, grantee);
	account->name = name;
	if (accounts->full)
		return false;
	snprintf(name, len, "%s@%s", user, host);
	return true;
}

WfMyAccount *
wf_my_accounts_enter(WfMyAccounts *accounts, const char *user, const char *host)
{
	size_t len = strlen(user) + strlen(host) + 6;
	char *grantee = malloc(len);
	WfMyAccount *account = NULL;

	if (grantee == NULL)
	{
		accounts->full = true;
		return NULL;
	}
	/* As the servers build it: quotes within a name are not doubled. */
	snprintf(grantee, len, "'%s'@'%s'", user, host);
	account = wf_my_accounts_find(accounts, grantee);
	if (account == NULL)
	{
		if (((uint32_t) accounts->n * 2 >= accounts->nslots && !grow_slots(accounts)) ||
			!grow_array((void **) &accounts->list, &accounts->space, accounts->n,
						WF_MY_ACCOUNTS_MAX, sizeof(WfMyAccount)))
			accounts->full = true;
		else if (fill(accounts, &accounts->list[accounts->n], user, host, grantee))
		{
			account = &accounts->list[accounts->n++];
			*find_slot(accounts, grantee, account->hash) = (uint32_t) accounts->n;
		}
	}
	free(grantee);
	return account;
}

int
wf_my_accounts_number(const WfMyAccounts *accounts, const WfMyAccount *account)
{
	return (int) (account - accounts->list);
}

void
wf_my_accounts_connect(WfMyAccounts *accounts, int member, int role, bool admin, bool is_default)
{
	WfMyEdge *edge;

	if (!grow_array((void **) &accounts->edges, &accounts->edges_space, accounts->nedges,
					WF_MY_EDGES_MAX, sizeof(WfMyEdge)))
	{
		accounts->full = true;
		return;
	}
	edge = &accounts->edges[accounts->nedges];
	edge->member = member;
	edge->role = role;
	edge->admin = admin;
	edge->is_default = is_default;
	edge->next = accounts->list[member].edges;
	accounts->list[member].edges = accounts->nedges++;
}

void
wf_my_accounts_free(WfMyAccounts *accounts)
{
	for (WfMyChunk *chunk = accounts->chunks, *next; chunk != NULL; chunk = next)
	{
		next = chunk->next;
		free(chunk);
	}
	free(accounts->list);
	free(accounts->slots);
	free(accounts->edges);
	memset(accounts, 0, sizeof(*accounts));
}
