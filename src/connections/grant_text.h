/*
 * grant_text.h - the scripts of whalefall_api.grant_script: data alone.
 *
 * A script names the monitoring account only through these marks, which are replaced in one pass:
 *
 *     {name}      the account as quoted identifier
 *     {literal}   the account as string literal
 *     {inner}     the quoted identifier inside a string literal
 */
#ifndef WF_CONNECTIONS_GRANT_TEXT_H
#define WF_CONNECTIONS_GRANT_TEXT_H

typedef struct WfGrantText
{
	const char *word; /* what db_type may be called; aliases of database types come beside it */
	int max;		  /* characters of an account's name on that engine */
	const char *forbidden; /* what a name cannot hold there, or NULL; one piece of text */
	const char *why;	   /* and the reason, as a sentence */
	const char *text;
} WfGrantText;

/* Ends with an entry whose word is NULL. */
extern const WfGrantText wf_grant_texts[];

#endif
