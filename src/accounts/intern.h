/*
 * intern.h - numbers of facts in whalefall.facts.
 *
 * A merge names facts by handles of a per-process cache; ids are looked up, and missing facts inserted,
 * for many handles at once.
 */
#ifndef WF_ACCOUNTS_INTERN_H
#define WF_ACCOUNTS_INTERN_H

#include "postgres.h"

/* Longest fact that an index entry can hold; longer ones stay in the snapshot only. */
#define WF_FACT_MAX_BYTES 2000

/* Start of a merge for one engine: forgets what a rolled back transaction may have left. SPI connected. */
extern void wf_intern_begin(const char *db_type);

/* Handle of a fact, valid until the next wf_intern_begin. False when the fact is too long. */
extern bool wf_intern_handle(const char *scope, const char *object, int object_length,
							 const char *name, int name_length, bool grantable, uint32 *handle);

/*
 * Make sure that every handle has an id; missing facts are inserted, which lets this transaction wait
 * for others that insert facts. SPI connected.
 */
extern void wf_intern_resolve(const uint32 *handles, int count);

/* Id of a resolved handle. */
extern int32 wf_intern_id(uint32 handle);

#endif
