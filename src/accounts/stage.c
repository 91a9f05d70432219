/*
 * stage.c - collecting what an instance says about its accounts.
 *
 * Texts go into a pool, distinct rows become atoms, and an account is a list of atom numbers: 10,000
 * accounts of 8 attributes and 3 databases take a few MB, most of it names.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "accounts/stage_impl.h"
#include "base/errors.h"

WfAccountStage *
wf_stage_create(MemoryContext parent, const char *db_type, const WfAccountFilter *filter)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "whalefall account stage", ALLOCSET_DEFAULT_SIZES);
	WfAccountStage *stage = MemoryContextAllocZero(context, sizeof(WfAccountStage));

	stage->context = context;
	stage->db_type = MemoryContextStrdup(context, db_type);
	stage->filter = filter;
	wf_pool_init(&stage->pool, context);
	return stage;
}

static void
malformed(const char *dataset)
{
	wf_raise(WF_ERR_SYNC_DATA, psprintf("A row of the data set \"%s\" is malformed.", dataset),
			 NULL);
}

static void
too_large(void)
{
	wf_raise(WF_ERR_SYNC_DATA,
			 psprintf("The instance sent more than %d accounts, %d rows or %d MB of names.",
					  WF_STAGE_MAX_ACCOUNTS, WF_STAGE_MAX_ROWS, WF_STAGE_MAX_BYTES / (1024 * 1024)),
			 NULL);
}

/* Enter a text; the encoding is checked here because everything stored passes this line. */
static uint32
intern(WfAccountStage *stage, const char *dataset, const char *text)
{
	size_t length = strlen(text);

	if (stage->pool.bytes + length > WF_STAGE_MAX_BYTES || stage->pool.count >= WF_STAGE_MAX_TEXTS)
		too_large();
	if (!pg_verifymbstr(text, (int) length, true))
		wf_raise(WF_ERR_SYNC_DATA,
				 psprintf("A row of the data set \"%s\" is not valid in the database encoding.",
						  dataset),
				 NULL);
	return wf_pool_intern(&stage->pool, text, length);
}

static bool
is_blank(const char *text)
{
	return text == NULL || strspn(text, " \t\r\n\v\f") == strlen(text);
}

void
wf_stage_complain(WfAccountStage *stage, const char *sentence)
{
	MemoryContext old = MemoryContextSwitchTo(stage->context);

	if (list_length(stage->errors) < WF_STAGE_MAX_ERRORS)
		stage->errors = lappend(stage->errors, pstrdup(sentence));
	MemoryContextSwitchTo(old);
}

/* Is this a name that we keep? */
static bool
is_kept(WfAccountStage *stage, const char *username)
{
	if (is_blank(username))
		return false;
	if (strlen(username) > WF_STAGE_MAX_NAME)
	{
		int shown = pg_mbcliplen(username, strlen(username), 80);

		wf_stage_complain(stage, psprintf("account name of %zu bytes is too long: %.*s...",
										  strlen(username), shown, username));
		return false;
	}
	return !wf_account_filter_drops(stage->filter, username);
}

static WfStagedAccount *
new_account(WfAccountStage *stage, uint32 name)
{
	WfStagedAccount *account;

	if (stage->naccounts >= WF_STAGE_MAX_ACCOUNTS)
		too_large();
	stage->accounts = wf_grow(stage->context, stage->accounts, &stage->accounts_capacity,
							  stage->naccounts + 1, sizeof(WfStagedAccount));
	account = &stage->accounts[stage->naccounts++];
	memset(account, 0, sizeof(*account));
	account->name = name;
	return account;
}

/* Room in account_of for every key in the pool so far; new cells are 0. */
static void
reserve_keys(WfAccountStage *stage)
{
	uint32 before = stage->account_of_capacity;

	stage->account_of = wf_grow(stage->context, stage->account_of, &stage->account_of_capacity,
								stage->pool.count, sizeof(uint32));
	if (stage->account_of_capacity > before)
		memset(stage->account_of + before, 0,
			   (stage->account_of_capacity - before) * sizeof(uint32));
}

static void
add_account(WfAccountStage *stage, int nfields, const char *const *fields)
{
	uint32 key;

	if (nfields != 2 || fields[0] == NULL)
		malformed("account");
	if (!is_kept(stage, fields[1]))
		return;
	key = intern(stage, "account", fields[0]);
	reserve_keys(stage);
	if (stage->account_of[key] != 0)
		malformed("account");
	new_account(stage, intern(stage, "account", fields[1]));
	stage->account_of[key] = stage->naccounts;
}

/* The account of a key: its number, or -1 when it was left out. */
static int64
account_of_key(WfAccountStage *stage, const char *dataset, const char *key)
{
	uint32 number;

	if (key == NULL)
		malformed(dataset);
	number = intern(stage, dataset, key);
	reserve_keys(stage);
	return (int64) stage->account_of[number] - 1;
}

static uint32
atom_hash(const WfAtom *atom)
{
	uint32 hash = atom->kind * 31 + atom->nparts;

	for (int i = 0; i < atom->nparts; i++)
		hash = hash_combine(hash, murmurhash32(atom->part[i] + 1));
	return hash_combine(hash, murmurhash32(atom->text + 1));
}

static uint32
stored_atom_hash(const void *owner, uint32 number)
{
	return ((const WfAccountStage *) owner)->atoms[number].hash;
}

static bool
same_atom(const WfAtom *a, const WfAtom *b)
{
	return a->hash == b->hash && a->kind == b->kind && a->nparts == b->nparts &&
		   a->text == b->text && memcmp(a->part, b->part, sizeof(a->part)) == 0;
}

/* Number of an atom, entered when it is new. */
static uint32
intern_atom(WfAccountStage *stage, WfAtom *atom)
{
	WfSlots *slots = &stage->atom_slots;
	uint32 at;

	atom->hash = atom_hash(atom);
	wf_slots_reserve(slots, stage->context, stored_atom_hash, stage);
	for (at = atom->hash & slots->mask; slots->slots[at] != 0; at = (at + 1) & slots->mask)
		if (same_atom(&stage->atoms[slots->slots[at] - 1], atom))
			return slots->slots[at] - 1;
	if (stage->natoms >= WF_STAGE_MAX_TEXTS)
		too_large();
	stage->atoms = wf_grow(stage->context, stage->atoms, &stage->atoms_capacity, stage->natoms + 1,
						   sizeof(WfAtom));
	stage->atoms[stage->natoms] = *atom;
	slots->slots[at] = stage->natoms + 1;
	slots->used++;
	return stage->natoms++;
}

static void
add_row(WfAccountStage *stage, uint32 account, WfAtom *atom)
{
	WfStagedRow *row;

	if (stage->nrows >= WF_STAGE_MAX_ROWS)
		too_large();
	stage->rows = wf_grow(stage->context, stage->rows, &stage->rows_capacity, stage->nrows + 1,
						  sizeof(WfStagedRow));
	row = &stage->rows[stage->nrows++];
	row->account = account;
	row->atom = intern_atom(stage, atom);
}

/* A part that is too long to be an identifier anywhere would also break our indexes. */
static uint32
intern_part(WfAccountStage *stage, const char *dataset, const char *text)
{
	if (text == NULL || strlen(text) > WF_STAGE_MAX_NAME)
		malformed(dataset);
	return intern(stage, dataset, text);
}

static void
add_item(WfAccountStage *stage, int nfields, const char *const *fields)
{
	WfAtom atom = {.kind = WF_ATOM_ITEM};
	int64 account;

	if (nfields < 3 || nfields - 1 > WF_ATOM_PARTS)
		malformed("item");
	account = account_of_key(stage, "item", fields[0]);
	if (account < 0)
		return;
	for (int i = 1; i < nfields; i++)
		atom.part[atom.nparts++] = intern_part(stage, "item", fields[i]);
	add_row(stage, (uint32) account, &atom);
}

/* Only plain decimal numbers: everything else is kept as text rather than failing the sync. */
static bool
is_number(const char *text)
{
	const char *digits = text + (*text == '-' ? 1 : 0);
	size_t length = strspn(digits, "0123456789");

	return length > 0 && length <= 30 && digits[length] == '\0';
}

static WfAtomKind
value_kind(const char *kind, const char *text)
{
	if (kind == NULL || strlen(kind) != 1 || strchr("bns", kind[0]) == NULL)
		malformed("value");
	if (text == NULL)
		return WF_ATOM_NULL;
	if (kind[0] == 'b')
		return WF_ATOM_BOOL;
	return kind[0] == 'n' && is_number(text) ? WF_ATOM_NUMBER : WF_ATOM_STRING;
}

/* The words that mean true, as drivers and servers write them. */
static bool
is_true(const char *text)
{
	return strcmp(text, "true") == 0 || strcmp(text, "t") == 0 || strcmp(text, "1") == 0;
}

static void
add_value(WfAccountStage *stage, int nfields, const char *const *fields)
{
	WfAtom atom = {0};
	const char *text;
	int64 account;

	if (nfields != 5)
		malformed("value");
	account = account_of_key(stage, "value", fields[0]);
	if (account < 0)
		return;
	atom.part[0] = intern_part(stage, "value", fields[1]);
	atom.part[1] = intern_part(stage, "value", fields[2]);
	atom.nparts = 2;
	text = fields[4];
	atom.kind = value_kind(fields[3], text);
	if (atom.kind == WF_ATOM_BOOL)
		text = is_true(text) ? "true" : "false";
	atom.text = intern(stage, "value", text != NULL ? text : "");
	add_row(stage, (uint32) account, &atom);
}

static void
add_public(WfAccountStage *stage, int nfields, const char *const *fields)
{
	WfAtom atom = {.kind = WF_ATOM_ITEM, .nparts = 2};

	if (nfields != 3)
		malformed("public");
	if (stage->npublics >= WF_STAGE_MAX_ACCOUNTS)
		too_large();
	atom.part[0] = intern_part(stage, "public", fields[0]);
	atom.part[1] = intern_part(stage, "public", fields[1]);
	if (!is_blank(fields[2]))
		atom.part[atom.nparts++] = intern_part(stage, "public", fields[2]);
	stage->publics = wf_grow(stage->context, stage->publics, &stage->publics_capacity,
							 stage->npublics + 1, sizeof(WfAtom));
	stage->publics[stage->npublics++] = atom;
}

static void
add_meta(WfAccountStage *stage, int nfields, const char *const *fields)
{
	WfAtom atom = {.kind = WF_ATOM_STRING, .nparts = 1};

	if (nfields != 2)
		malformed("meta");
	if (stage->nmetas >= 1000)
		too_large();
	atom.part[0] = intern_part(stage, "meta", fields[0]);
	if (fields[1] == NULL)
		atom.kind = WF_ATOM_NULL;
	atom.text = intern(stage, "meta", fields[1] != NULL ? fields[1] : "");
	stage->metas = wf_grow(stage->context, stage->metas, &stage->metas_capacity, stage->nmetas + 1,
						   sizeof(WfAtom));
	stage->metas[stage->nmetas++] = atom;
}

void
wf_stage_add(WfAccountStage *stage, const char *dataset, int nfields, const char *const *fields)
{
	static const struct
	{
		const char *dataset;
		void (*add)(WfAccountStage *stage, int nfields, const char *const *fields);
	} kinds[] = {{"item", add_item},
				 {"value", add_value},
				 {"account", add_account},
				 {"public", add_public},
				 {"meta", add_meta}};

	Assert(!stage->finished && !stage->of_snapshots);
	for (size_t i = 0; i < lengthof(kinds); i++)
		if (strcmp(dataset, kinds[i].dataset) == 0)
		{
			kinds[i].add(stage, nfields, fields);
			return;
		}
	malformed(dataset);
}

void
wf_stage_set_unread(WfAccountStage *stage, const char *category)
{
	MemoryContext old = MemoryContextSwitchTo(stage->context);

	stage->unread = lappend(stage->unread, pstrdup(category));
	MemoryContextSwitchTo(old);
}

WfAccountStage *
wf_stage_of_snapshots(MemoryContext parent, const char *db_type, const WfAccountFilter *filter,
					  int count, char **usernames, Jsonb **snapshots, Jsonb *public_privileges)
{
	WfAccountStage *stage = wf_stage_create(parent, db_type, filter);

	stage->of_snapshots = true;
	stage->ready_publics = public_privileges;
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_kept(stage, usernames[i]))
			new_account(stage, intern(stage, "account", usernames[i]))->ready = snapshots[i];
	}
	return stage;
}

const char *
wf_stage_db_type(const WfAccountStage *stage)
{
	return stage->db_type;
}

int
wf_stage_count(const WfAccountStage *stage)
{
	return (int) stage->naccounts;
}

const char *
wf_stage_username(const WfAccountStage *stage, int account)
{
	return wf_pool_text(&stage->pool, stage->accounts[account].name);
}

int
wf_stage_find(const WfAccountStage *stage, const char *username)
{
	int low = 0, high = (int) stage->naccounts - 1;

	Assert(stage->finished);
	while (low <= high)
	{
		int middle = low + (high - low) / 2;
		int order = strcmp(username, wf_stage_username(stage, middle));

		if (order == 0)
			return middle;
		if (order < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return -1;
}

List *
wf_stage_errors(const WfAccountStage *stage)
{
	return stage->errors;
}

void
wf_stage_free(WfAccountStage *stage)
{
	MemoryContextDelete(stage->context);
}
