/*
 * stage_impl.h - inside of a stage, shared by stage.c (collecting) and snapshot.c (building).
 */
#ifndef WF_ACCOUNTS_STAGE_IMPL_H
#define WF_ACCOUNTS_STAGE_IMPL_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "accounts/pool.h"
#include "accounts/stage.h"

/* Parts of a row: category, path, name. Deeper rows are malformed. */
#define WF_ATOM_PARTS 6

typedef enum WfAtomKind
{
	WF_ATOM_ITEM,
	WF_ATOM_BOOL,
	WF_ATOM_NUMBER,
	WF_ATOM_STRING,
	WF_ATOM_NULL
} WfAtomKind;

typedef enum WfAtomSection
{
	WF_SECTION_CATEGORIES,
	WF_SECTION_TYPE_SPECIFIC,
	WF_SECTION_EXTRA
} WfAtomSection;

/* One distinct row without its account. Numbers are of the stage's pool. */
typedef struct WfAtom
{
	uint32 part[WF_ATOM_PARTS];
	uint32 text; /* of a value */
	uint32 hash;
	uint8 nparts;
	uint8 kind;	   /* WfAtomKind */
	uint8 section; /* WfAtomSection, set by wf_stage_finish */
	bool unread;   /* of an unread category, likewise */
} WfAtom;

typedef struct WfStagedAccount
{
	uint32 name;		/* pool number */
	uint32 first, last; /* its rows in `rows` after wf_stage_finish: [first, last) */
	Jsonb *ready;		/* snapshot, when made of ready ones */
} WfStagedAccount;

/* Before wf_stage_finish: which account, which atom. */
typedef struct WfStagedRow
{
	uint32 account;
	uint32 atom;
} WfStagedRow;

struct WfAccountStage
{
	MemoryContext context;
	const char *db_type;
	const WfAccountFilter *filter;
	bool of_snapshots;
	bool finished;
	WfPool pool;

	WfStagedAccount *accounts;
	uint32 naccounts, accounts_capacity;
	uint32 *account_of; /* by pool number of the key: account + 1, 0 = none */
	uint32 account_of_capacity;

	WfAtom *atoms; /* in sorted order after wf_stage_finish */
	uint32 natoms, atoms_capacity;
	WfSlots atom_slots;

	WfStagedRow *rows;
	uint32 nrows, rows_capacity;
	uint32 *sorted_rows; /* atoms, grouped by account, ascending and distinct */

	WfAtom *publics; /* part: category, object, name (nparts 2 = object alone) */
	uint32 npublics, publics_capacity;
	WfAtom *metas; /* part: name; text */
	uint32 nmetas, metas_capacity;
	Jsonb *ready_publics;

	List *unread; /* category names */
	List *errors;
};

/* Remember a sentence about an account that is left out, copied; further ones than a few are dropped. */
extern void wf_stage_complain(WfAccountStage *stage, const char *sentence);

/* Order of atoms: by the texts of their parts, shorter first, then kind and text. */
extern int wf_atom_compare(const WfPool *pool, const WfAtom *a, const WfAtom *b);

#endif
